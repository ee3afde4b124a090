# The web app's settings: what .env says, without a value on a command line.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

settings_changed=""  # yes, where one has changed
_now_names=()        # settings of the web app, values as JSON
_now_values=()
_want_names=()
_want_values=()

# Brings the web app's settings up to what is set here; says which names change, never a value.
apply_settings() {
    local index name changed="" gone="" file="$private/settings.json"
    say "→ comparing the web app's settings"
    _read_settings
    _collect_settings
    : >"$file"
    for ((index = 0; index < ${#_want_names[@]}; index++)); do
        name=${_want_names[index]}
        if [ "$(_setting_now "$name")" = "${_want_values[index]}" ]; then continue; fi
        if [ -n "$changed" ]; then printf ',\n' >>"$file"; fi
        printf '%s: %s' "$(json_text "$name")" "${_want_values[index]}" >>"$file"
        changed="$changed $name"
    done
    printf '{%s}\n' "$(cat "$file")" >"$file.whole"
    gone=$(_settings_gone)
    if [ -z "$changed$gone" ]; then
        note "nothing to change"
        rm -f "$file" "$file.whole"
        return
    fi
    if [ -n "$changed" ]; then
        note "change:${changed}"
        repeat_with="bash azdeploy.sh settings"
        step "writing the settings" az webapp config appsettings set --subscription "$subscription" \
            --resource-group "$rg" --name "$app" --settings "@$(native "$file.whole")" --output none
    fi
    rm -f "$file" "$file.whole"
    if [ -n "$gone" ]; then
        note "no longer in .env: $gone"
        # shellcheck disable=SC2086 # names, with spaces between
        step "removing settings" az webapp config appsettings delete --subscription "$subscription" \
            --resource-group "$rg" --name "$app" --setting-names $gone --output none
    fi
    settings_changed=yes
    _say_what_stays
}

_read_settings() {
    local line name=""
    _now_names=()
    _now_values=()
    asked "reading the web app's settings" az webapp config appsettings list --subscription "$subscription" \
        --resource-group "$rg" --name "$app" --query "[].[name, value]" --output json
    while IFS= read -r line; do
        case $line in
            '    "'* | '    null'*)
                line=${line#    }
                line=${line%,}
                if [ -z "$name" ]; then
                    name=$line
                else
                    name=${name#\"}
                    _now_names[${#_now_names[@]}]=${name%\"}
                    _now_values[${#_now_values[@]}]=$line
                    name=""
                fi
                ;;
        esac
    done <<<"$answer"
    answer=""
}

_setting_now() {
    local index
    for ((index = 0; index < ${#_now_names[@]}; index++)); do
        if [ "${_now_names[index]}" = "$1" ]; then
            printf '%s' "${_now_values[index]}"
            return
        fi
    done
}

_want() {
    _want_names[${#_want_names[@]}]=$1
    _want_values[${#_want_values[@]}]=$(json_text "$2")
}

# What the web app should have, beside what Bicep gave it.
_collect_settings() {
    local name seen=" "
    _want_names=()
    _want_values=()
    _want VOICE_LIVE_MODEL "$model"
    _want VOICE_LIVE_VOICE "$voice"
    value_of TWILIO_ACCOUNT_SID
    if [ -z "$found" ]; then found=$(remembered TWILIO_ACCOUNT_SID); fi
    if [ -n "$found" ]; then
        _want TWILIO_ACCOUNT_SID "$found"
        remember TWILIO_ACCOUNT_SID "$found"
    fi
    for name in $(known_settings); do
        if has_word "$secret_settings $azure_settings" "$name" || ! in_env_file "$name"; then continue; fi
        case $seen in *" $name "*) continue ;; esac
        seen="$seen$name "
        _want "$name" "$found"
    done
    for name in ${referenced[@]+"${referenced[@]}"}; do
        _want "$name" "@Microsoft.KeyVault(VaultName=$vault;SecretName=$(vault_name "$name"))"
    done
}

# Settings that an earlier .env brought and this one no longer has. Without a .env, none.
_settings_gone() {
    local name gone="" index wanted=" "
    if [ ! -f .env ]; then return; fi
    for ((index = 0; index < ${#_want_names[@]}; index++)); do wanted="$wanted${_want_names[index]} "; done
    for name in $(known_settings); do
        if has_word "$azure_settings TWILIO_AUTH_TOKEN PAGE_SECRET" "$name" || has_word "$wanted" "$name"; then continue; fi
        if [ -n "$(_setting_now "$name")" ]; then gone="$gone $name"; fi
    done
    printf '%s' "${gone# }"
}

_say_what_stays() {
    local name left=""
    for name in HOST PORT PUBLIC_URL DRAIN_SECONDS AZURE_VOICE_LIVE_ENDPOINT AZURE_VOICE_LIVE_API_KEY; do
        if in_env_file "$name"; then left="$left $name"; fi
    done
    if [ -n "$left" ]; then note "not carried over, as Azure has its own:$left"; fi
}

# Waits until App Service can read every secret; a setting that it cannot read would reach the bot as it is written.
await_references() {
    local try place="/subscriptions/$subscription/resourceGroups/$rg/providers/Microsoft.Web/sites/$app/config/configreferences/appsettings"
    if ((${#referenced[@]} == 0)); then return; fi
    say "→ waiting until the web app can read its secrets"
    for ((try = 1; try <= most_tries; try++)); do
        asked "asking how far it is" az rest --subscription "$subscription" --method get --url "$place?api-version=2022-03-01" \
            --query "value[?properties.status != 'Resolved'].[name, properties.status]" --output tsv
        if [ -z "$answer" ]; then
            note "it can"
            return
        fi
        if ((try == most_tries)); then break; fi
        note "not yet: $(printf '%s' "$answer" | tr '\t\n' ' ,'). Try $((try + 1)) of $most_tries in $(pause_before $((try + 1))) s."
        sleep "$(pause_before $((try + 1)))"
        asked "having it look again" az rest --subscription "$subscription" --method post --url "$place/refresh?api-version=2022-03-01" --output none
    done
    printf '%s\n' "$answer" >"$private/said"
    said_already=""
    repeat_with="bash azdeploy.sh settings"
    failed "waiting until the web app can read its secrets" 1
}
