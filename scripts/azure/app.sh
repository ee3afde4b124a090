# The web app: which image it runs, when it answers, and what it says.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

most_waits=60    # of ten seconds each: ten minutes for the bot to be ready
image_changed=""
tailing=""       # process that follows the log

# Has the web app run $image.
point_at_image() {
    asked "asking which image the web app runs" az webapp config show --subscription "$subscription" \
        --resource-group "$rg" --name "$app" --query linuxFxVersion --output tsv
    if [ "$answer" = "DOCKER|$image" ]; then return; fi
    step "pointing the web app at $image" az webapp config set --subscription "$subscription" \
        --resource-group "$rg" --name "$app" --linux-fx-version "DOCKER|$image" --output none
    image_changed=yes
}

restart_if_changed() {
    if [ -z "$image_changed$settings_changed$secrets_written" ]; then
        say "→ nothing has changed: the web app goes on running, and calls with it"
        return
    fi
    step "restarting the web app" az webapp restart --subscription "$subscription" --resource-group "$rg" --name "$app"
}

# Whether /ready says so; the answer in $answer.
_ready_now() {
    local status
    : >"$private/ready"
    status=$(curl --silent --max-time 10 --output "$(native "$private/ready")" --write-out '%{http_code}' "$url/ready" 2>/dev/null || true)
    answer=${status:-000}
    case $status:$(cat "$private/ready") in 200:*'"ready"'*) return 0 ;; esac
    return 1
}

# Waits until the bot takes calls: three answers in a row, as the one before may still be answering. Ends the script
# with the end of the log where it does not come.
await_ready() {
    local wait good=0
    doing="waiting until the bot is ready"
    say "→ $doing, for about $((most_waits / 6)) minutes at most"
    for ((wait = 1; wait <= most_waits; wait++)); do
        if _ready_now; then
            good=$((good + 1))
            if ((good == 3)); then
                note "it takes calls"
                finished[${#finished[@]}]="the bot is ready"
                doing=""
                return
            fi
            sleep 2
            continue
        fi
        good=0
        if ((wait % 6 == 0)); then note "not yet ($answer); $((wait / 6)) of $((most_waits / 6)) minutes"; fi
        sleep 10
    done
    say "→ the end of the web app's log"
    log_tail 30
    : >"$private/said"
    half_done="Everything is in place, but the bot does not answer $url/ready with 200 (last: $answer). The log above says why, where it could be read."
    repeat_with="curl $url/ready"
    next_command="bash azdeploy.sh logs; once it is mended: bash azdeploy.sh image, or settings"
    failed "waiting until the bot is ready" 1
}

# log_tail SECONDS: what the log says within that time, masked. In a process group of its own, as az may be a script
# whose child would outlive it.
log_tail() {
    set -m
    az webapp log tail --subscription "$subscription" --resource-group "$rg" --name "$app" >"$private/log" 2>&1 &
    tailing=$!
    set +m
    sleep "$1"
    stop_tailing
    : >"$private/tail"
    tail -n 40 "$private/log" | shown "$private/tail"
}

stop_tailing() {
    if [ -z "$tailing" ]; then return 0; fi  # a bare return in a trap would return the exit code, and end the trap
    kill -- "-$tailing" 2>/dev/null || kill "$tailing" 2>/dev/null || true
    wait "$tailing" 2>/dev/null || true
    tailing=""
}

# Follows the log until Ctrl-C.
follow_log() {
    local code=0
    check_programs
    load_deployment
    say "The log of $app. Ctrl-C ends it."
    next_command=""
    : >"$private/said"
    az webapp log tail --subscription "$subscription" --resource-group "$rg" --name "$app" 2>&1 | shown "$private/said" ||
        code=${PIPESTATUS[0]}
    if ((code)); then
        said_already=yes
        repeat_with="bash azdeploy.sh logs"
        failed "following the log" "$code"
    fi
}

show_status() {
    local fields
    check_programs
    load_deployment
    asked "asking after the web app" az webapp show --subscription "$subscription" --resource-group "$rg" --name "$app" \
        --query "[state, availabilityState]" --output tsv
    fields=$(printf '%s' "$answer" | tr '\n' ' ')
    say "$env_name, in $location, resource group $rg"
    note "web app     $app: $fields"
    asked "asking which image it runs" az webapp config show --subscription "$subscription" --resource-group "$rg" \
        --name "$app" --query linuxFxVersion --output tsv
    note "image       ${answer#DOCKER|}"
    if _ready_now; then note "bot         takes calls"; else note "bot         does not take calls ($answer from $url/ready)"; fi
    asked "asking after its secrets" az rest --subscription "$subscription" --method get \
        --url "/subscriptions/$subscription/resourceGroups/$rg/providers/Microsoft.Web/sites/$app/config/configreferences/appsettings?api-version=2022-03-01" \
        --query "value[].[name, properties.status]" --output tsv
    while IFS= read -r fields; do
        if [ -n "$fields" ]; then note "secret      $(printf '%s' "$fields" | tr '\t' ' ')"; fi
    done <<<"$answer"
    doing=""
    say_addresses
}

say_addresses() {
    say ""
    say "Page:     $url"
    say "Webhook:  $url/voice#rc=2&rp=all"
    say "          if it fails: $url/voice/fallback; call status changes: $url/voice/status"
    say "Secret that opens the page, in the vault $vault:"
    say "          az keyvault secret show --vault-name $vault --name page-secret --query value --output tsv"
}

say_what_is_left() {
    say_addresses
    say ""
    say "What is left to do:"
    if [ "$(remembered TWILIO_SECRET_SET)" != true ] || [ -z "$(remembered TWILIO_ACCOUNT_SID)" ]; then
        say "   Put TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN into .env, then: bash azdeploy.sh settings"
    fi
    say "   Put into .env:  PUBLIC_URL=$url"
    say "   Point your number here:  .venv/bin/voicebot twilio connect NUMBER"
    say "   See whether a call would work:  .venv/bin/voicebot doctor"
    say "Then call the number."
}
