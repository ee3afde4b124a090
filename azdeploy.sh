#!/usr/bin/env bash
# Puts the bot on Azure, keeps it up to date, and takes it off again. `bash azdeploy.sh --help` says how.

# The two values to edit. AZURE_RESOURCE_GROUP and AZURE_LOCATION in the environment win, and --rg and --location over them.
rg="voicelive-phone"
location="swedencentral"

set -euo pipefail
set +x  # a trace would show the secrets, whoever asked for one
CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

# shellcheck source=scripts/azure/say.sh
source scripts/azure/say.sh
# shellcheck source=scripts/azure/explain.sh
source scripts/azure/explain.sh
# shellcheck source=scripts/azure/steps.sh
source scripts/azure/steps.sh
# shellcheck source=scripts/azure/values.sh
source scripts/azure/values.sh
# shellcheck source=scripts/azure/regions.sh
source scripts/azure/regions.sh
# shellcheck source=scripts/azure/environment.sh
source scripts/azure/environment.sh
# shellcheck source=scripts/azure/checks.sh
source scripts/azure/checks.sh
# shellcheck source=scripts/azure/vault.sh
source scripts/azure/vault.sh
# shellcheck source=scripts/azure/settings.sh
source scripts/azure/settings.sh
# shellcheck source=scripts/azure/image.sh
source scripts/azure/image.sh
# shellcheck source=scripts/azure/app.sh
source scripts/azure/app.sh
# shellcheck source=scripts/azure/remove.sh
source scripts/azure/remove.sh
# shellcheck source=scripts/azure/deploy.sh
source scripts/azure/deploy.sh

usage() {
    cat <<'END'
Puts the bot on Azure, keeps it up to date, and takes it off again.

    bash azdeploy.sh              a menu, on a terminal
    bash azdeploy.sh full         everything: resources, image, settings; safe to repeat
    bash azdeploy.sh plan         says what `full` would make, and makes nothing
    bash azdeploy.sh image        builds the image anew and has the web app run it
    bash azdeploy.sh settings     carries .env over to the web app and the vault
    bash azdeploy.sh status       what runs, and whether it takes calls
    bash azdeploy.sh logs         follows the log until Ctrl-C
    bash azdeploy.sh remove       removes everything, for good

    --rg NAME             resource group (AZURE_RESOURCE_GROUP), and the name of azd's environment
    --location REGION     region (AZURE_LOCATION)
    --subscription ID     subscription; otherwise the one that az has chosen
    --model NAME          model that answers (VOICE_LIVE_MODEL); otherwise gpt-4.1-mini
    --voice NAME          voice (VOICE_LIVE_VOICE); otherwise en-US-AvaNeural
    --sku SIZE            App Service plan; otherwise B1
    --persona-file FILE   who answers; otherwise voicebot.toml, where there is one
    --any-region          goes on in a region that our table does not have
    --yes                 asks nothing; needed where there is no terminal
    --dry-run             says what it would make or remove, and does nothing

Secrets come from .env (TWILIO_AUTH_TOKEN, PAGE_SECRET and others) or are asked for. They go into the Key Vault, never
into a command line or an output. It needs az and azd, both signed in: az login, azd auth login. More: docs/deploy.md
END
}

# The command that goes on with $1, with what was chosen here.
again() {
    local line="bash azdeploy.sh $1"
    if [ -n "$chosen" ]; then line="$line$chosen"; fi
    say "$line"
}

menu() {
    local reply=""
    say "1  full deployment      2  image only      3  settings only"
    say "4  status and log       5  remove everything   anything else: leave"
    read -r -p "What shall it be? " reply || true
    case $reply in
        1) command=full ;;
        2) command=image ;;
        3) command=settings ;;
        4)
            show_status
            if agreed "Follow the log?"; then command=logs; else command=none; fi
            ;;
        5) command=remove ;;
        *) command=none ;;
    esac
}

wrong_usage() { refuse 2 "$1" "See: bash azdeploy.sh --help"; }

command=""
assume_yes=""
dry_run=""
any_region=""
subscription=""
model=""
voice=""
sku=""
persona_file=""
user_name=""
user_type=""
app="" url="" vault="" registry="" registry_host=""
chosen=""
found=""
rg=${AZURE_RESOURCE_GROUP:-$rg}
location=${AZURE_LOCATION:-$location}

while (($#)); do
    case $1 in
        --*=*)
            option=${1%%=*}
            value=${1#*=}
            shift
            set -- "$option" "$value" "$@"
            ;;
    esac
    case $1 in
        --rg | --location | --subscription | --model | --voice | --sku | --persona-file)
            if (($# < 2)) || [ -z "$2" ]; then wrong_usage "$1 needs a value."; fi
            chosen="$chosen $(as_typed "$1" "$2")"
            ;;
    esac
    case $1 in
        --rg) rg=$2; shift ;;
        --location) location=$2; shift ;;
        --subscription) subscription=$2; shift ;;
        --model) model=$2; shift ;;
        --voice) voice=$2; shift ;;
        --sku) sku=$2; shift ;;
        --persona-file) persona_file=$2; shift ;;
        --any-region) any_region=yes chosen="$chosen --any-region" ;;
        --yes | -y) assume_yes=yes ;;
        --dry-run) dry_run=yes ;;
        --help | -h | help) usage; exit 0 ;;
        full | plan | image | settings | status | logs | remove | finish)
            if [ -n "$command" ]; then wrong_usage "There should be one command, not both '$command' and '$1'."; fi
            command=$1
            ;;
        *) wrong_usage "'$1' is neither a command nor an option." ;;
    esac
    shift
done

location=$(printf '%s' "$location" | tr -d ' ' | tr '[:upper:]' '[:lower:]')
if ! [[ $rg =~ ^[A-Za-z0-9_().-]{1,64}$ ]] || [[ $rg == *. ]]; then
    wrong_usage "The resource group's name should be up to 64 letters, digits, - _ ( ) and dots, and not end with a dot."
fi
if ! [[ $location =~ ^[a-z0-9]+$ ]]; then wrong_usage "The location should be the name of a region, such as swedencentral."; fi
env_name=${AZURE_ENV_NAME:-$rg}

export MSYS_NO_PATHCONV=1      # Git Bash would make paths of /subscriptions/…
export PYTHONIOENCODING=utf-8  # az stops at the first character that a Windows console cannot show
open_private_folder
trap 'ended $?' EXIT
trap 'interrupted 130' INT
trap 'interrupted 143' TERM
trap 'interrupted 129' HUP

read_env_file .env
check_values
keep_secrets

if [ -z "$command" ]; then
    if ! on_terminal; then wrong_usage "There is no terminal for the menu, and no command."; fi
    menu
fi
case $command in
    full) deploy_everything ;;
    plan) dry_run=yes; deploy_everything ;;
    finish) finish_deployment ;;
    image) deploy_image ;;
    settings) deploy_settings ;;
    status) show_status ;;
    logs) follow_log ;;
    remove) remove_everything ;;
esac
