# azd's environment: the values that Bicep takes, and those that it gave back.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

azd_values=""   # KEY="value" lines of the environment
environment_there=""

# Reads the environment's values; none where it does not exist.
read_environment() {
    asked "listing azd's environments" azd env list --output json
    azd_values=""
    environment_there=""
    case $(printf '%s' "$answer" | tr -d ' \n\t') in *"\"Name\":\"$env_name\""*) environment_there=yes ;; esac
    if [ -z "$environment_there" ]; then return; fi
    asked "reading azd's environment" azd env get-values --environment "$env_name"
    azd_values=$answer
}

# remembered NAME: its value in azd's environment, or nothing.
remembered() {
    local line
    while IFS= read -r line; do
        case $line in
            "$1="*)
                line=${line#*=}
                line=${line#\"}
                line=${line%\"}
                line=${line//\\\"/\"}
                printf '%s' "${line//\\\\/\\}"
                return
                ;;
        esac
    done <<<"$azd_values"
}

# remember NAME VALUE: writes it into azd's environment, where it is not so already.
remember() {
    if [ "$(remembered "$1")" = "$2" ]; then return; fi
    asked "writing $1 into azd's environment" azd env set "$1" "$2" --environment "$env_name"
    azd_values="$1=\"$2\"$newline$azd_values"
}

# The environment with everything that Bicep asks for.
prepare_environment() {
    if [ -z "$environment_there" ]; then
        step "making azd's environment $env_name" azd env new "$env_name" --subscription "$subscription" --location "$location" --no-prompt
        read_environment
    else
        asked "choosing azd's environment" azd env select "$env_name"
    fi
    remember AZURE_SUBSCRIPTION_ID "$subscription"
    remember AZURE_LOCATION "$location"
    remember AZURE_RESOURCE_GROUP "$rg"
    remember VOICE_LIVE_MODEL "$model"
    remember VOICE_LIVE_VOICE "$voice"
    remember PLAN_SKU "$sku"
    value_of TWILIO_ACCOUNT_SID
    if [ -n "$found" ]; then remember TWILIO_ACCOUNT_SID "$found"; fi
    if [ -z "$group_there" ]; then
        # Of an earlier deployment that is gone: an image and secrets that are no longer there.
        forget_deployment
    fi
}

# Has the next provision begin afresh: no image, no secrets.
forget_deployment() {
    local name
    for name in BOT_IMAGE BOT_SOURCE; do
        if [ -n "$(remembered "$name")" ]; then remember "$name" ""; fi
    done
    for name in TWILIO_SECRET_SET PAGE_SECRET_SET; do
        if [ -n "$(remembered "$name")" ]; then remember "$name" false; fi
    done
}

# Where an environment of this name lives elsewhere, moving it would leave half of it behind.
check_environment() {
    local there
    there=$(remembered AZURE_LOCATION)
    if [ -n "$there" ] && [ "$there" != "$location" ]; then
        refuse 1 "'$env_name' was set up in $there, not in $location." \
            "Choose --location $there, or another group with --rg; or remove it first: bash azdeploy.sh remove --location $there"
    fi
    there=$(remembered AZURE_SUBSCRIPTION_ID)
    if [ -n "$there" ] && [ "$there" != "$subscription" ]; then
        refuse 1 "'$env_name' was set up in another subscription ($there)." "Choose it with --subscription $there, or another group with --rg."
    fi
}

# What provisioning made, in variables; ends the script where there is nothing yet.
load_deployment() {
    read_environment
    app=$(remembered AZURE_WEBAPP_NAME)
    url=$(remembered WEBAPP_URL)
    vault=$(remembered AZURE_KEY_VAULT_NAME)
    registry=$(remembered AZURE_CONTAINER_REGISTRY_NAME)
    registry_host=$(remembered AZURE_CONTAINER_REGISTRY_ENDPOINT)
    subscription=$(remembered AZURE_SUBSCRIPTION_ID)
    local there
    there=$(remembered AZURE_RESOURCE_GROUP)
    rg=${there:-$rg}
    there=$(remembered AZURE_LOCATION)
    location=${there:-$location}
    if [ -z "$app" ] || [ -z "$url" ] || [ -z "$vault" ] || [ -z "$registry" ] || [ -z "$subscription" ]; then
        refuse 1 "Nothing is deployed under the name '$env_name' as far as azd knows on this machine." \
            "Deploy it: bash azdeploy.sh full; or name what is: --rg NAME"
    fi
}
