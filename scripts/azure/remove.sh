# Back to nothing: what will go is said, then everything goes, deleted resources' names included.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

remove_everything() {
    local kind name tag foreign="" reply=""
    check_tools
    read_environment
    # azd removes what its environment names, whichever subscription az has chosen meanwhile.
    subscription=${subscription:-$(remembered AZURE_SUBSCRIPTION_ID)}
    check_subscription
    name=$(remembered AZURE_SUBSCRIPTION_ID)
    if [ -n "$name" ] && [ "$name" != "$subscription" ]; then
        refuse 1 "'$env_name' is in another subscription ($name)." "Choose it with --subscription $name, or another group with --rg."
    fi
    check_azd_login
    name=$(remembered AZURE_RESOURCE_GROUP)
    rg=${name:-$rg}
    next_command="$(again remove)"
    asked "looking for the resource group" az group exists --subscription "$subscription" --name "$rg"
    if [ "$answer" != true ] && [ -z "$environment_there" ]; then
        say "There is no resource group '$rg' and no azd environment '$env_name': nothing to remove."
        return
    fi
    if [ "$answer" = true ] && [ -z "$environment_there" ]; then
        refuse 1 "azd knows nothing of '$env_name' on this machine, but the resource group '$rg' is there." \
            "If all of it may go: az group delete --name $rg --subscription $subscription. Or run this where it was deployed from."
    fi
    if [ "$answer" = true ]; then
        asked "listing what is in the resource group" az resource list --subscription "$subscription" --resource-group "$rg" \
            --query "[].[type, name, tags.\"azd-env-name\"]" --output tsv
        say "This goes, for good, in subscription $subscription_name:"
        note "resource group $rg"
        while IFS=$'\t' read -r kind name tag; do
            if [ -z "$kind" ]; then continue; fi
            if [ "$tag" = "$env_name" ]; then note "$kind  $name"; continue; fi
            note "$kind  $name   (not made by this script)"
            if ! _comes_by_itself "$kind"; then foreign="$foreign, $name"; fi
        done <<<"$answer"
        note "the secrets in the vault, and the logs. Calls that are going on end with the apology of the safety net."
    else
        say "The resource group '$rg' is gone already; what azd remembers of it goes."
    fi
    if [ -n "$dry_run" ]; then return; fi
    if [ -n "$assume_yes" ] && [ -n "$foreign" ]; then
        refuse 1 "The resource group '$rg' holds what this script did not make (${foreign#, }), and --yes is not asked for that." \
            "Move it elsewhere first; or run this on a terminal without --yes, and type the group's name."
    fi
    if [ -z "$assume_yes" ]; then
        if ! on_terminal; then agreed "Remove all this?"; fi
        read -r -p "Type the resource group's name to remove all this: " reply || true
        if [ "$reply" != "$rg" ]; then refuse 1 "Nothing was removed." "The name that you typed is not $rg."; fi
    fi
    half_done="Part of it may be gone and part not; Azure goes on with what it has begun."
    step "removing everything" azd down --environment "$env_name" --purge --force --no-prompt
    forget_deployment
    group_there=""
    check_leftovers
    purge_leftovers
    half_done=""
    say ""
    say "Everything is gone. A phone number that pointed here rings into nothing now: .venv/bin/voicebot twilio disconnect NUMBER"
}

# Whether Application Insights makes such resources of its own accord, without our tags.
_comes_by_itself() {
    case $(printf '%s' "$1" | tr '[:upper:]' '[:lower:]') in
        microsoft.alertsmanagement/smartdetectoralertrules | microsoft.insights/actiongroups) return 0 ;;
    esac
    return 1
}
