# Secrets in the Key Vault: asked for without echo, made where there is none, and written through a private file.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

held=""             # names of the secrets that the vault holds
referenced=()       # settings whose value is a secret of the vault
secrets_written=""  # yes, where one has changed

# Asks on a terminal for what a phone call needs and is nowhere to be found.
ask_for_twilio() {
    if ! on_terminal || [ -n "$assume_yes" ]; then return; fi
    value_of TWILIO_ACCOUNT_SID
    if [ -z "$found" ] && [ -z "$(remembered TWILIO_ACCOUNT_SID)" ]; then
        say ""
        say "Account SID and Auth Token are on the home page of the Twilio Console. Enter leaves them for later."
        read -r -p "Twilio Account SID: " TWILIO_ACCOUNT_SID || true
        check_values
    fi
    value_of TWILIO_ACCOUNT_SID
    if [ -z "$found" ] && [ -z "$(remembered TWILIO_ACCOUNT_SID)" ]; then return; fi
    value_of TWILIO_AUTH_TOKEN
    if [ -z "$found" ] && [ "$(remembered TWILIO_SECRET_SET)" != true ]; then
        asked_secretly "Twilio Auth Token (not shown): "
        TWILIO_AUTH_TOKEN=$answer
    fi
}

# What of .env goes into the vault: the bot's secrets, and what the file of personas names.
secrets_to_write() {
    local name
    for name in $secret_settings; do
        value_of "$name"
        if [ -n "$found" ]; then say "$name"; fi
    done
    if [ -z "$persona_file" ]; then return; fi
    for name in ${env_names[@]+"${env_names[@]}"}; do
        if ! has_word "$secret_settings $azure_settings $(known_settings | tr '\n' ' ')" "$name" &&
            grep -qw -- "$name" "$persona_file"; then
            say "$name"
        fi
    done
}

# Brings the vault up to what is set here, and fills `referenced`.
write_secrets() {
    local name names
    say "→ writing secrets into the vault $vault"
    expecting=vault
    repeat_with="bash azdeploy.sh settings"
    asked "listing the secrets in the vault" az keyvault secret list --subscription "$subscription" \
        --vault-name "$vault" --query "[].name" --output tsv
    held=" $(printf '%s' "$answer" | tr '\n' ' ') "
    names=$(secrets_to_write)
    for name in $names; do
        value_of "$name"
        keep_secret "$found"
        _write_secret "$name" "$found"
    done
    if ! has_word "$held" page-secret; then
        local made
        made=$(head -c 24 /dev/urandom | base64 | tr -d '\r\n')
        keep_secret "$made"
        _write_secret PAGE_SECRET "$made"
    fi
    expecting=""
    finished[${#finished[@]}]="secrets in the vault"

    referenced=()
    for name in $(printf '%s\n' "$secret_settings" "$names" | tr ' ' '\n' | sort -u); do
        if ! has_word "$held" "$(vault_name "$name")"; then continue; fi
        case $name in
            TWILIO_AUTH_TOKEN | PAGE_SECRET) ;;
            *) if [ -f .env ] && ! has_word "$(printf '%s' "$names" | tr '\n' ' ')" "$name"; then continue; fi ;;
        esac
        referenced[${#referenced[@]}]=$name
    done
    if has_word "$held" twilio-auth-token; then remember TWILIO_SECRET_SET true; fi
    remember PAGE_SECRET_SET true
}

# _write_secret SETTING VALUE: only where the vault does not hold this very value.
_write_secret() {
    local name
    name=$(vault_name "$1")
    if has_word "$held" "$name"; then
        repeat_with="bash azdeploy.sh settings"  # and not the command itself, which prints the secret
        asked "comparing the secret $name" az keyvault secret show --subscription "$subscription" \
            --vault-name "$vault" --name "$name" --query value --output tsv
        local there=$answer
        answer=""
        if [ "$there" = "$2" ]; then
            note "$name is in the vault already"
            return
        fi
    fi
    printf '%s' "$2" >"$private/secret"
    repeat_with="bash azdeploy.sh settings"
    asked "writing the secret $name" az keyvault secret set --subscription "$subscription" --vault-name "$vault" \
        --name "$name" --file "$(native "$private/secret")" --encoding utf-8 --output none
    rm -f "$private/secret"
    note "$name written"
    held="$held$name "
    secrets_written=yes
}
