# The three ways to deploy: everything, the image only, the settings only.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

# Model, voice, size and personas: flag, environment, .env, what was chosen before, the default.
_choose() {
    value_of VOICE_LIVE_MODEL
    if [ -z "$model" ]; then model=${found:-$(remembered VOICE_LIVE_MODEL)}; fi
    value_of VOICE_LIVE_VOICE
    if [ -z "$voice" ]; then voice=${found:-$(remembered VOICE_LIVE_VOICE)}; fi
    if [ -z "$sku" ]; then sku=${PLAN_SKU:-$(remembered PLAN_SKU)}; fi
    model=${model:-gpt-4.1-mini}
    voice=${voice:-en-US-AvaNeural}
    sku=${sku:-B1}
    if [ -z "$persona_file" ]; then persona_file=${AZDEPLOY_PERSONA_FILE:-$(remembered BOT_PERSONAS)}; fi
    if [ ! -f "$persona_file" ]; then persona_file=""; fi
    if [ -z "$persona_file" ] && [ -f voicebot.toml ]; then persona_file=voicebot.toml; fi
}

_say_plan() {
    local name left
    say ""
    say "This will be there afterwards; what is there already stays:"
    note "resource group $rg in $location, subscription $subscription_name, azd environment $env_name${group_there:+ (there already)}"
    note "AI Foundry resource with Voice Live, keys off; model $model, voice $voice"
    note "container registry, and in it the image, built there from this folder"
    note "App Service plan $sku and a Linux web app that runs the image"
    note "Key Vault with the secrets: page-secret$(for name in $(secrets_to_write); do
        if [ "$name" != PAGE_SECRET ]; then printf ', %s' "$(vault_name "$name")"; fi
    done)"
    note "managed identity that may use Voice Live, pull the image and read the secrets"
    note "Log Analytics workspace and Application Insights"
    if [ -n "$unregistered" ]; then note "registered in the subscription:$unregistered"; fi
    for left in ${leftovers[@]+"${leftovers[@]}"}; do note "purged first, as it holds a name that is needed: deleted $left"; done
    if [ -n "$persona_file" ]; then note "who answers: $persona_file"; fi
    value_of TWILIO_AUTH_TOKEN
    if [ -z "$found" ] && [ "$(remembered TWILIO_SECRET_SET)" != true ]; then
        note "no Twilio token yet: the page works, the phone does not until you add it (bash azdeploy.sh settings)"
    fi
    note "The plan, the registry, logs and every minute of talk cost money until: $(again remove)"
    if [ -n "$group_there" ]; then
        note "Where something changes, the web app restarts; calls that last longer than 110 s after that hear an apology and end."
    fi
}

deploy_everything() {
    next_command="$(again full)"
    say "Checks:"
    check_tools
    check_subscription
    check_azd_login
    read_environment
    _choose
    check_environment
    check_region
    check_permission
    check_providers
    check_group
    check_leftovers
    doing=""
    if [ -z "$dry_run" ]; then ask_for_twilio; fi
    _say_plan
    if [ -n "$dry_run" ]; then return; fi
    say ""
    if ! agreed "Go on?"; then
        say "Nothing was made."
        return
    fi

    register_providers
    purge_leftovers
    prepare_environment
    half_done="Azure goes on with what it has begun. What is there can be seen with: az resource list --resource-group $rg --output table. To remove it: $(again remove)"
    repeat_with="azd provision --environment $env_name --no-prompt"
    _provision
    load_deployment
    if [ -z "$(remembered BOT_IMAGE)" ]; then finish_deployment; fi
    half_done=""
    say ""
    say "The bot is on Azure."
    say_what_is_left
}

# Has azd make the resources; its hook calls us again, as `finish`.
_provision() {
    local code=0 hook
    _tried shown "making the resources (several minutes)" _azd_provision || code=$?
    if ((code == 0)); then return; fi
    hook=$(sed -n "s/.*' hook failed with exit code: '\([0-9]*\)'.*/\1/p" "$private/said" | tail -n 1)
    if [ -n "$hook" ] && ((hook)); then
        warn ""
        warn "azdeploy: The resources are there, but what comes after failed; the lines above say at which step."
        warn "To go on from there: $(again finish)"
        explained=yes
        exit "$hook"
    fi
    failed "making the resources" "$code"
}

# The environment is the one way to the hook that leaves no trace. It holds what was asked for here.
_azd_provision() {
    local name
    for name in TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN; do
        if [ -n "${!name-}" ]; then export "${name?}"; fi
    done
    export AZDEPLOY_INSIDE=yes VOICE_LIVE_MODEL="$model" VOICE_LIVE_VOICE="$voice" AZDEPLOY_PERSONA_FILE="$persona_file"
    azd provision --environment "$env_name" --no-prompt
}

# What comes after the resources: secrets, image, settings, restart, and waiting until the bot answers. azd's hook.
finish_deployment() {
    next_command="$(again finish)"
    load_deployment
    _choose
    if [ -z "${AZDEPLOY_INSIDE:-}" ]; then ask_for_twilio; fi
    half_done="The resources are there; the web app is not finished."
    write_secrets
    build_image if-changed
    apply_settings
    point_at_image
    await_references
    restart_if_changed
    await_ready
    half_done=""
    if [ -z "${AZDEPLOY_INSIDE:-}" ]; then
        say ""
        say "The bot is on Azure."
        say_what_is_left
    fi
}

deploy_image() {
    next_command="$(again image)"
    check_tools
    load_deployment
    check_subscription
    _choose
    say ""
    say "This builds the image from this folder and restarts the web app $app; calls that last longer than 110 s after that"
    say "hear an apology and end."
    if [ -n "$dry_run" ]; then return; fi
    if ! agreed "Go on?"; then say "Nothing was changed."; return; fi
    build_image always
    half_done="The web app runs its former image until it is pointed at the new one."
    point_at_image
    restart_if_changed
    await_ready
    half_done=""
    say "The bot runs $image."
}

deploy_settings() {
    next_command="$(again settings)"
    check_tools
    load_deployment
    check_subscription
    _choose
    ask_for_twilio
    say ""
    say "This carries .env over to the web app $app and the vault $vault, and restarts the web app if something changes."
    if [ -n "$dry_run" ]; then return; fi
    if ! agreed "Go on?"; then say "Nothing was changed."; return; fi
    half_done="Secrets and settings that were written stay; the web app may not have all of them."
    remember VOICE_LIVE_MODEL "$model"
    remember VOICE_LIVE_VOICE "$voice"
    write_secrets
    apply_settings
    await_references
    restart_if_changed
    await_ready
    half_done=""
    say "The settings are in place."
}
