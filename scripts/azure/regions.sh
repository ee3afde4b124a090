# Where Voice Live is offered, and with which model.
# The table is Microsoft's page "Supported regions for Azure Speech", tab Voice Live (revision 01850fbb), which calls
# itself of 2025-11-09. It ages: --any-region goes on without it. Sourced by azdeploy.sh.
# shellcheck shell=bash

regions_dated="2025-11-09"
everywhere="australiaeast brazilsouth canadacentral canadaeast centralindia centralus eastus eastus2 francecentral \
germanywestcentral italynorth japaneast japanwest koreacentral northcentralus norwayeast southafricanorth \
southcentralus southeastasia swedencentral switzerlandnorth uaenorth uksouth westcentralus westeurope westus westus2 \
westus3"

# regions_of MODEL: the regions that offer it, with spaces between; nothing for a model that the table does not know.
regions_of() {
    case $1 in
        gpt-realtime) say "australiaeast canadacentral canadaeast centralindia centralus eastus2 francecentral" \
            "southeastasia swedencentral uksouth westus2" ;;
        gpt-realtime-mini) say "$(_without "$(regions_of gpt-realtime)" canadaeast)" ;;
        gpt-4o | gpt-4o-mini)
            _without "$everywhere" canadacentral canadaeast germanywestcentral southeastasia westcentralus ;;
        gpt-4.1 | gpt-4.1-mini | gpt-4.1-nano | gpt-5.1-chat | gpt-5 | gpt-5-mini | gpt-5-nano)
            _without "$everywhere" westcentralus ;;
        gpt-5.4) _without "$everywhere" japanwest westcentralus ;;
        gpt-5.2 | gpt-5.1) say "$everywhere" ;;
        gpt-5.3-chat | gpt-5.2-chat) say "eastus2 swedencentral" ;;
        phi4-mm-realtime | phi4-mini) say "eastus2 japaneast southeastasia swedencentral westus2" ;;
    esac
}

# _without LIST WORD...: the list without these words.
_without() {
    local list=" $1 " word
    shift
    for word in "$@"; do list=${list/ $word / }; done
    list=${list# }
    say "${list% }"
}

has_word() { case " $1 " in *" $2 "*) return 0 ;; esac; return 1; }

# Regions in the order in which they are near to $1, the nearest first.
_near() {
    local europe="swedencentral francecentral westeurope germanywestcentral uksouth norwayeast switzerlandnorth italynorth"
    local america="eastus2 centralus westus2 eastus southcentralus northcentralus westus westus3 canadacentral canadaeast"
    local asia="southeastasia japaneast koreacentral centralindia japanwest australiaeast"
    case $1 in
        *us | *us2 | *us3 | *canada* | *mexico*) say "$america" ;;
        brazil* | chile*) say "brazilsouth $america" ;;
        *asia* | japan* | korea* | malaysia* | indonesia* | taiwan*) say "$asia" ;;
        *india*) say "centralindia $asia" ;;
        australia* | newzealand*) say "australiaeast $asia" ;;
        uae* | qatar* | israel*) say "uaenorth centralindia $europe" ;;
        southafrica*) say "southafricanorth uaenorth $europe" ;;
        *) say "$europe eastus2 southeastasia" ;;
    esac
}

# near_regions REGION MODEL: up to three others that offer the model, the nearest first.
near_regions() {
    local offered region found="" count=0
    offered=$(regions_of "$2")
    for region in $(_near "$1"); do
        if [ "$region" != "$1" ] && has_word "$offered" "$region" && ((count < 3)); then
            found="$found, $region"
            count=$((count + 1))
        fi
    done
    say "${found#, }"
}

# Ends the script where Voice Live or the model is not offered in the region.
check_region() {
    if [ -n "$any_region" ]; then
        note "region     $location, not looked up (--any-region)"
        return
    fi
    local offered
    offered=$(regions_of "$model")
    if [ -z "$offered" ]; then
        note "model      $model is not in our table of $regions_dated; whether $location offers it shows when it is called"
        offered=$everywhere
    fi
    if ! has_word "$everywhere" "$location"; then
        refuse 1 "Voice Live is not offered in the region '$location' (Microsoft's table of $regions_dated)." \
            "Near it are: $(near_regions "$location" gpt-4.1-mini). Choose with --location; --any-region goes on all the same."
    fi
    if ! has_word "$offered" "$location"; then
        refuse 1 "The model '$model' is not offered in $location (Microsoft's table of $regions_dated)." \
            "Near it are: $(near_regions "$location" "$model"). Choose with --location, or another --model; --any-region goes on all the same."
    fi
    note "region     $location offers Voice Live with $model (table of $regions_dated)"
}
