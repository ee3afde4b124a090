# What has to be there before anything is made: programs, sign-ins, subscription, permissions, names.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

oldest_az="2.60.0"
oldest_azd="1.11.0"
providers="Microsoft.CognitiveServices Microsoft.ContainerRegistry Microsoft.Insights Microsoft.KeyVault Microsoft.ManagedIdentity Microsoft.OperationalInsights Microsoft.Web"
subscription_name=""
unregistered=""   # providers that are to be registered
leftovers=()      # deleted resources that hold names: "kind name region"
group_there=""    # yes, where the resource group exists

# older VERSION THAN: whether it is, by up to three numbers.
older() {
    local IFS=.- a b index
    # shellcheck disable=SC2206 # split at the dots on purpose
    a=($1) b=($2)
    for index in 0 1 2; do
        a[index]=${a[index]:-0} b[index]=${b[index]:-0}
        a[index]=${a[index]%%[!0-9]*} b[index]=${b[index]%%[!0-9]*}
        if ((10#0${a[index]} != 10#0${b[index]})); then ((10#0${a[index]} < 10#0${b[index]})); return; fi
    done
    return 1
}

# Ends the script where a program is missing.
check_programs() {
    local tool
    for tool in az azd curl; do
        if ! command -v "$tool" >/dev/null 2>&1; then
            case $tool in
                az) refuse 127 "The Azure CLI (az) is not installed." "Install it: https://learn.microsoft.com/cli/azure/install-azure-cli" ;;
                azd) refuse 127 "The Azure Developer CLI (azd) is not installed." "Install it: https://aka.ms/azd-install" ;;
                *) refuse 127 "curl is not installed." "Install it with your system's packages." ;;
            esac
        fi
    done
}

check_tools() {
    local version
    check_programs
    asked "asking az for its version" az version --query '"azure-cli"' --output tsv
    if older "$answer" "$oldest_az"; then
        refuse 1 "az $answer is too old; $oldest_az is the oldest that is tried." "Update it: az upgrade"
    fi
    version="az $answer"
    asked "asking azd for its version" azd version
    answer=${answer#azd version }
    answer=${answer%% *}
    if older "$answer" "$oldest_azd"; then
        refuse 1 "azd $answer is too old; $oldest_azd is the oldest that is tried." "Update it: https://aka.ms/azd-install"
    fi
    note "tools      $version, azd $answer"
}

# The sign-in to az, and the subscription that everything goes to.
check_subscription() {
    local wanted=${subscription:-${AZURE_SUBSCRIPTION_ID:-}} several
    asked "looking up the subscription" az account show ${wanted:+--subscription "$wanted"} \
        --query "[id, name, state, user.name, user.type]" --output tsv
    local fields
    IFS=$'\t' read -r -a fields <<<"$(printf '%s' "$answer" | tr '\n' '\t')"
    if ((${#fields[@]} < 5)); then
        refuse 1 "What az says of the subscription cannot be understood." "Sign in again: az login. See what it says: az account show"
    fi
    subscription=${fields[0]}
    subscription_name=${fields[1]}
    user_name=${fields[3]}
    user_type=${fields[4]}
    if [ "${fields[2]}" != Enabled ]; then
        refuse 1 "The subscription $subscription_name is ${fields[2]}." "Choose another one with --subscription, or enable it in the portal."
    fi
    # `az account show` reads a file; only a token shows whether the sign-in still holds.
    asked "asking for a token" az account get-access-token --subscription "$subscription" --query expiresOn --output tsv
    asked "counting the subscriptions" az account list --query "length([?state=='Enabled'])" --output tsv
    several=$answer
    note "account    $user_name"
    note "gets       subscription $subscription_name ($subscription)"
    if [[ $several =~ ^[0-9]+$ ]] && ((several > 1)); then note "           one of $several that you have; --subscription chooses another one"; fi
}

check_azd_login() {
    asked "asking azd whether it is signed in" azd auth login --check-status --output json
    case $answer in
        *'"success"'*) note "azd        signed in" ;;
        *) refuse 1 "azd is not signed in." "Run azd auth login; or, to use the sign-in of az: azd config set auth.useAzCliAuth true" ;;
    esac
}

check_providers() {
    local provider
    asked "listing the resource providers" az provider list --subscription "$subscription" \
        --query "[?registrationState=='Registered'].namespace" --output tsv
    unregistered=""
    for provider in $providers; do
        if ! has_word "$(printf '%s' "$answer" | tr '\n' ' ')" "$provider"; then unregistered="$unregistered $provider"; fi
    done
}

register_providers() {
    local provider
    for provider in $unregistered; do
        step "registering $provider" az provider register --subscription "$subscription" --namespace "$provider" --wait
    done
}

# Whether the account may make resources and assign roles, which the bot's identity needs.
check_permission() {
    local who scope="/subscriptions/$subscription" roles role may_make="" may_assign="" actions unread=""
    if [ "$user_type" = user ]; then
        if ! quietly "asking who you are" az ad signed-in-user show --query id --output tsv; then
            note "roles      not looked up: this account may not read the directory"
            return
        fi
        who=$answer
        quietly "listing your roles" az role assignment list --assignee-object-id "$who" --scope "$scope" \
            --include-groups --include-inherited --query "[].roleDefinitionName" --output tsv || unread=yes
    else
        quietly "listing your roles" az role assignment list --assignee "$user_name" --scope "$scope" \
            --include-inherited --query "[].roleDefinitionName" --output tsv || unread=yes
    fi
    if [ -n "$unread" ]; then
        note "roles      not looked up: this account may not list them"
        return
    fi
    roles=$answer
    while IFS= read -r role; do
        case $role in
            Owner) may_make=yes may_assign=yes ;;
            Contributor) may_make=yes ;;
            "User Access Administrator" | "Role Based Access Control Administrator") may_assign=yes ;;
            "" | Reader) ;;
            *)
                quietly "reading the role $role" az role definition list --subscription "$subscription" --name "$role" \
                    --query "[].permissions[].actions[]" --output tsv || continue
                actions=" $(printf '%s' "$answer" | tr '\n' ' ') "
                case $actions in *" * "*) may_make=yes may_assign=yes ;; esac
                case $actions in *" Microsoft.Authorization/roleAssignments/write "* | *" Microsoft.Authorization/* "* | \
                    *" Microsoft.Authorization/roleAssignments/* "*) may_assign=yes ;; esac
                case $actions in *" Microsoft.Resources/deployments/* "*) may_make=yes ;; esac
                ;;
        esac
    done <<<"$roles"
    if [ -z "$may_make" ] || [ -z "$may_assign" ]; then
        refuse 1 "Your account may not ${may_make:+assign roles}${may_make:-make resources and assign roles} in this subscription, as far as its roles say (${roles//$newline/, })." \
            "Ask for Owner on the subscription, or for Contributor and Role Based Access Control Administrator; roles that you can activate (PIM), activate first."
    fi
    note "roles      may make resources and assign roles"
}

# The resource group: whether it is there, in this region, and ours.
check_group() {
    asked "looking for the resource group" az group exists --subscription "$subscription" --name "$rg"
    group_there=""
    if [ "$answer" != true ]; then return; fi
    group_there=yes
    asked "looking at the resource group" az group show --subscription "$subscription" --name "$rg" \
        --query "[location, tags.\"azd-env-name\"]" --output tsv
    local region=${answer%%"$newline"*} owner=${answer#*"$newline"}
    if [ "$region" != "$location" ]; then
        refuse 1 "The resource group '$rg' is in $region, not in $location." \
            "Choose --location $region, or another group with --rg; or remove this one first: bash azdeploy.sh remove"
    fi
    if [ "$owner" != "$env_name" ]; then
        warn "   The resource group '$rg' was not made by this script; removing the bot later would remove all that is in it."
        if [ -z "$dry_run" ] && ! agreed "Use it all the same?"; then refuse 1 "Nothing was made." "Choose another group with --rg."; fi
    fi
}

# Deleted resources of an earlier time in this group, whose names ours would be.
check_leftovers() {
    leftovers=()
    _look_for_leftovers vault az keyvault list-deleted --subscription "$subscription" --resource-type vault \
        --query "[?contains(properties.vaultId, '/resourceGroups/$rg/') && $(_tagged properties.tags)].[name, properties.location]"
    _look_for_leftovers account az cognitiveservices account list-deleted --subscription "$subscription" \
        --query "[?contains(id, '/resourceGroups/$rg/') && $(_tagged tags)].[name, location]"
}

# What a query asks of the tags at $1: none of azd's, or ours.
_tagged() { printf '%s' "not_null($1.\"azd-env-name\", '$env_name') == '$env_name'"; }

_look_for_leftovers() {
    local kind=$1 name region
    shift
    if ! quietly "looking for deleted resources" "$@" --output tsv; then
        note "deleted    not looked up: this account may not list deleted resources ($kind)"
        return
    fi
    while IFS=$'\t' read -r name region; do
        if [ -n "$name" ]; then leftovers[${#leftovers[@]}]="$kind $name $region"; fi
    done <<<"$answer"
}

purge_leftovers() {
    local left kind name region
    for left in ${leftovers[@]+"${leftovers[@]}"}; do
        read -r kind name region <<<"$left"
        if [ "$kind" = vault ]; then
            step "purging the deleted vault $name" az keyvault purge --subscription "$subscription" --name "$name" --location "$region"
        else
            step "purging the deleted Voice Live resource $name" az cognitiveservices account purge \
                --subscription "$subscription" --name "$name" --resource-group "$rg" --location "$region"
        fi
    done
}
