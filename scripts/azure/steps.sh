# Running one step: named, repeated while Azure is busy, and explained when it fails.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

most_tries=8     # of one step; with the pauses below about five minutes
answer=""        # what the last `asked` command printed
expecting=""     # what is still young and may answer not-yet: vault, registry
said_already=""  # yes, where the step's lines were shown as they came
repeat_with=""   # command that repeats the step, where it is not the command itself

# Seconds before try number $1: 10, 20, 30, then 60.
pause_before() {
    if (($1 <= 4)); then printf '%s' "$((($1 - 1) * 10))"; else printf '60'; fi
}

# step NAME COMMAND...: runs it for all to see. Retries what is busy; any other failure ends the script with its code.
step() { _repeated shown "$@"; }

# asked NAME COMMAND...: the same, with what it prints in $answer instead.
asked() { _repeated kept "$@"; }

# quietly NAME COMMAND...: the same as `asked`, but the caller decides: returns the code. Retries what is busy.
quietly() { _tried kept "$@"; }

_repeated() {
    local code=0
    _tried "$@" || code=$?
    if ((code)); then
        local name=$2
        shift 2
        failed "$name" "$code" "$@"
    fi
    repeat_with=""
}

_tried() {
    local how=$1 name=$2 try=1 code reason
    shift 2
    doing=$name
    said_already=""
    if [ "$how" = shown ]; then
        said_already=yes
        say "→ $name"
    fi
    while :; do
        code=0
        : >"$private/said"
        if [ "$how" = shown ]; then
            "$@" 2>&1 | shown "$private/said" || code=${PIPESTATUS[0]}
        else
            answer=$("$@" 2>"$private/said") || code=$?
            answer=${answer//$'\r'/}
        fi
        if ((code == 0)); then break; fi
        reason=$(why_busy "$(cat "$private/said")" "$expecting")
        if [ -z "$reason" ]; then return "$code"; fi
        if ((try >= most_tries)); then
            warn "   $reason, still after $try tries."
            return "$code"
        fi
        try=$((try + 1))
        say "   $name: $reason. Try $try of $most_tries in $(pause_before "$try") s."
        sleep "$(pause_before "$try")"
    done
    if [ "$how" = shown ]; then finished[${#finished[@]}]=$name; fi
    doing=""
}

# failed NAME CODE COMMAND...: which step failed, why as far as we know, and how to repeat it. Ends with CODE.
failed() {
    local name=$1 code=$2 said known
    explained=yes
    shift 2
    said=$(masked "$(cat "$private/said")")
    warn ""
    warn "azdeploy: This step failed: $name (exit code $code)."
    if [ -n "$said" ] && [ -z "$said_already" ]; then printf '%s\n' "$said" | tail -n 15 | sed 's/^/   | /' >&2; fi
    known=$(known_problem "$said")
    if [ -n "$known" ]; then warn "$known"; fi
    if [ -n "$half_done" ]; then warn "$half_done"; fi
    if [ -n "$repeat_with" ]; then warn "To repeat the step: $repeat_with"; else warn "To repeat the step: $(as_typed "$@")"; fi
    if [ -n "$next_command" ]; then warn "To go on from here:  $next_command"; fi
    exit "$code"
}
