# Values: where they come from (flags, environment, .env), and how they are written as JSON.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

env_names=()   # what .env sets
env_values=()
unquoted=""     # what `_unquote` found, and what stands behind it
behind=""
newline=$'\n'

# Secrets that the bot knows. Each has a secret of the vault, named alike: CALLS_KEY is calls-key.
secret_settings="TWILIO_AUTH_TOKEN PAGE_SECRET TWILIO_AUTH_TOKEN_SECONDARY TWILIO_API_KEY_SECRET CALLS_KEY METRICS_TOKEN CHAT_API_KEY"
# What is Azure's to say and is not carried over from .env. The resource has no keys, so there is none to carry.
azure_settings="HOST PORT PUBLIC_URL DRAIN_SECONDS AZURE_VOICE_LIVE_ENDPOINT AZURE_VOICE_LIVE_API_KEY PERSONA_FILE VOICE_LIVE_MODEL VOICE_LIVE_VOICE TWILIO_ACCOUNT_SID"

# Reads FILE as the bot does: NAME=value, quotes, comments, values over several lines.
read_env_file() {
    local line name value number=0
    if [ ! -f "$1" ]; then return; fi
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        line=${line%$'\r'}
        if ((number == 1)); then line=${line#$'\xef\xbb\xbf'}; fi
        line=$(_begun "$line")
        case $line in export[[:blank:]]*) line=$(_begun "${line#export}") ;; esac
        case $line in "" | "#"*) continue ;; esac
        name=$(_trimmed "${line%%=*}")
        case $name in
            *[!A-Za-z0-9_]* | "" | [0-9]*)
                refuse 2 "Line $number of .env should be NAME=value." "Correct it and run the command again." ;;
        esac
        case $line in *=*) value=$(_begun "${line#*=}") ;; *) continue ;; esac
        # A comment behind a space is one, and the value empty; without the space it is the value.
        case $line in *=[[:space:]]*) value=${value/#\#*/} ;; esac
        case $value in
            \"* | \'*)
                local quote=${value:0:1} first=$number
                value=${value:1}
                until _closed "$value" "$quote"; do
                    if ! IFS= read -r line; then
                        refuse 2 "The quote that begins on line $first of .env is not closed." "Correct it and run the command again."
                    fi
                    number=$((number + 1))
                    value=$value$newline${line%$'\r'}
                done
                _unquote "$value" "$quote"
                case $(_begun "$behind") in
                    "" | "#"*) value=$unquoted ;;
                    *) refuse 2 "Line $number of .env has more behind its closing quote." "Correct it and run the command again." ;;
                esac
                ;;
            *)
                value=${value%%[[:space:]]#*}
                value=$(_trimmed "$value")
                ;;
        esac
        # shellcheck disable=SC2016 # the text ${ itself is looked for
        case $value in *'${'*) refuse 2 "$name in .env holds \${…}, which is not resolved here." "Write the value out and run the command again." ;; esac
        env_names[${#env_names[@]}]=$name
        env_values[${#env_values[@]}]=$value
    done <"$1"
}

# The text without white space at its beginning.
_begun() { printf '%s' "${1#"${1%%[![:space:]]*}"}"; }

_trimmed() {
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# Whether the rest of a quoted value has its closing quote, one without a backslash before it.
_closed() {
    local rest=${1//\\\\/}
    rest=${rest//\\"$2"/}
    case $rest in *"$2"*) return 0 ;; esac
    return 1
}

# _unquote TEXT QUOTE: the value up to its closing quote in $unquoted, its escapes resolved; the rest in $behind.
_unquote() {
    local text=$1 quote=$2 out="" char
    while [ -n "$text" ]; do
        char=${text:0:1}
        text=${text:1}
        if [ "$char" = "$quote" ]; then break; fi
        if [ "$char" = "\\" ] && [ -n "$text" ]; then
            char=${text:0:1}
            text=${text:1}
            case $quote$char in
                '"n') char=$newline ;;
                '"r') char=$'\r' ;;
                '"t') char=$'\t' ;;
                '"a') char=$'\a' ;;
                '"b') char=$'\b' ;;
                '"f') char=$'\f' ;;
                '"v') char=$'\v' ;;
                '""' | \"\' | "''" | ?\\) ;;
                *) char="\\$char" ;;
            esac
        fi
        out=$out$char
    done
    unquoted=$out
    behind=$text
}

# in_env_file NAME: its value in .env, in $found. Returns 1 where there is none.
in_env_file() {
    local index=${#env_names[@]}
    found=""
    while ((index > 0)); do  # the last one counts
        index=$((index - 1))
        if [ "${env_names[index]}" = "$1" ]; then
            found=${env_values[index]}
            return 0
        fi
    done
    return 1
}

# value_of NAME: from the environment, else from .env, in $found.
value_of() {
    found=""
    if [ -n "${!1-}" ]; then found=${!1}; else in_env_file "$1" || true; fi
}

# Has every secret masked that is known by now, of the environment or of .env.
keep_secrets() {
    local name
    for name in $secret_settings; do
        value_of "$name"
        keep_secret "$found"
    done
}

# The names of all settings of the bot, from .env.example.
known_settings() { sed -n 's/^# \([A-Z][A-Z0-9_]*\)=.*/\1/p' .env.example; }

# What a secret is called in the vault.
vault_name() { printf '%s' "$1" | tr 'A-Z_' 'a-z-'; }

# json_text TEXT: as a JSON string, quotes included, written as Python's json writes it.
json_text() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$newline/\\n}
    text=${text//$'\r'/\\r}
    text=${text//$'\t'/\\t}
    text=${text//$'\b'/\\b}
    text=${text//$'\f'/\\f}
    case $text in
        *[[:cntrl:]]*)
            local hex char
            for hex in 01 02 03 04 05 06 07 0b 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f; do
                # shellcheck disable=SC2059 # the format is the character
                printf -v char "\\x$hex"
                text=${text//"$char"/\\u00$hex}
            done
            ;;
    esac
    printf '"%s"' "$text"
}

# Ends the script where a value could not work.
check_values() {
    value_of TWILIO_ACCOUNT_SID
    if [ -n "$found" ] && ! [[ $found =~ ^AC[0-9a-fA-F]{32}$ ]]; then
        refuse 2 "TWILIO_ACCOUNT_SID should be AC and 32 hexadecimal digits." "Copy it from the home page of the Twilio Console."
    fi
    value_of PAGE_SECRET
    if [ -n "$found" ] && ((${#found} < 16)); then
        refuse 2 "PAGE_SECRET should be at least 16 characters." "Write a longer one into .env, or none: then one is made."
    fi
    if [ -n "$persona_file" ]; then
        if [ ! -f "$persona_file" ]; then
            refuse 2 "There is no file of personas '$persona_file'." "Give its path, or leave --persona-file out."
        fi
    fi
}
