# What people see, and what they must not see: sentences, questions, masking, and private files.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

secrets=()       # values that never appear in an output
private=""       # folder of ours alone, gone when we are
doing=""         # step that is under way, in words
finished=()      # steps that are done, in words
explained=""     # yes, where it was said why we end
half_done=""     # what an interrupted step leaves behind
next_command=""  # how to go on after a failure or Ctrl-C

say() { printf '%s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }

# refuse CODE SENTENCE NEXT: says what is wrong and what to do next, and ends.
refuse() {
    explained=yes
    warn "azdeploy: $2"
    warn "$3"
    exit "$1"
}

# Takes a value into the list of those that are masked, line by line, as outputs are. Shorter ones would mask half of
# every sentence.
keep_secret() {
    local line rest=$1$'\n'
    while [ -n "$rest" ]; do  # and no <<<, which would put it into a file
        line=${rest%%$'\n'*}
        rest=${rest#*$'\n'}
        if ((${#line} >= 6)); then secrets[${#secrets[@]}]=$line; fi
    done
}

# masked TEXT: the text with *** for every secret, and without the sign that steers a terminal.
masked() {
    local text=${1//$'\e'/} secret
    for secret in ${secrets[@]+"${secrets[@]}"}; do text=${text//"$secret"/***}; done
    printf '%s\n' "$text"
}

# Shows lines as they come, masked, and keeps them in FILE. The end of a pipeline: at Ctrl-C it stays until those before
# it are done, as they have last words.
shown() {
    local line
    trap '' INT TERM HUP
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        line=$(masked "$line")
        printf '   %s\n' "$line"
        printf '%s\n' "$line" >>"$1"
    done
}

# A command as it could be typed again.
as_typed() {
    local word line="" quote="'" escaped="'\\''"
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=@,+-]* | "")
                word=${word//$quote/$escaped}
                line="$line '$word'"
                ;;
            *) line="$line $word" ;;
        esac
    done
    masked "${line# }"
}

on_terminal() { [ -t 0 ] && [ -t 1 ]; }

# agreed QUESTION: whether the answer is yes. Without a terminal only --yes is one.
agreed() {
    local reply=""
    if [ -n "$assume_yes" ]; then return 0; fi
    if ! on_terminal; then
        refuse 2 "There is no terminal to ask on: $1" "Add --yes to go on without being asked, or --dry-run to see the plan only."
    fi
    read -r -p "$1 [y/N] " reply || true
    case $reply in y | Y | yes | Yes | YES) return 0 ;; esac
    return 1
}

# Reads a line without echo into $answer.
asked_secretly() {
    answer=""
    read -r -s -p "$1" answer || true
    printf '\n'
    keep_secret "$answer"
}

open_private_folder() {
    umask 077
    private=$(mktemp -d "${TMPDIR:-/tmp}/azdeploy.XXXXXX" 2>/dev/null) ||
        refuse 1 "No temporary folder can be made in ${TMPDIR:-/tmp}." "Make room there, or name another one in TMPDIR."
}

close_private_folder() {
    if [ -n "$private" ]; then rm -rf "$private"; fi
}

# ended CODE: the last thing that runs. A command that fails where none should, such as on a full disk, ends us without
# a word; then this has it.
ended() {
    local code=$1
    trap '' INT TERM HUP
    stop_tailing
    close_private_folder
    if ((code)) && [ -z "$explained" ]; then interrupted "$code"; fi
}

# A path as a native Windows program wants it; the same path elsewhere.
native() {
    if command -v cygpath >/dev/null 2>&1; then cygpath -m "$1"; else printf '%s\n' "$1"; fi
}

# What is there and what is not, when somebody stops us in the middle.
interrupted() {
    trap '' INT TERM HUP
    local step
    explained=yes
    warn ""
    if [ -n "$doing" ]; then warn "Stopped in the middle of: $doing."; else warn "Stopped."; fi
    for step in ${finished[@]+"${finished[@]}"}; do warn "   done: $step"; done
    if [ -n "$half_done" ]; then
        warn "$half_done"
    elif ((${#finished[@]} == 0)); then
        warn "Nothing was made or changed."
    fi
    if [ -n "$next_command" ]; then warn "To go on: $next_command"; fi
    exit "$1"
}
