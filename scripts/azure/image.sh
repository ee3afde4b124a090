# The image: built by a task of the registry, or by Docker here where the subscription may not run tasks.
# Sourced by azdeploy.sh.
# shellcheck shell=bash

image=""   # what the web app should run

# What the image would be built from, where that can be told: the commit, if nothing is changed on top of it.
source_state() {
    if ! command -v git >/dev/null 2>&1 || ! git rev-parse --git-dir >/dev/null 2>&1; then return; fi
    if [ -n "$(git status --porcelain 2>/dev/null)" ]; then return; fi
    git rev-parse HEAD 2>/dev/null || true
}

_tag() {
    local commit=""
    if command -v git >/dev/null 2>&1; then commit=$(git rev-parse --short HEAD 2>/dev/null || true); fi
    printf '%s%s' "$(date -u +%Y%m%d%H%M%S)" "${commit:+-$commit}"
}

# Builds always (`image`) or only where the source is another one (`full`).
build_image() {
    local state there
    state=$(source_state)
    if [ -n "$state" ] && [ -n "$persona_file" ]; then state="$state $(cksum <"$persona_file")"; fi
    there=$(remembered BOT_IMAGE)
    if [ "$1" = "if-changed" ] && [ -n "$state" ] && [ -n "$there" ] && [ "$state" = "$(remembered BOT_SOURCE)" ]; then
        image=$there
        say "→ the image is of this commit already: $image"
        return
    fi
    if [ ! -f Dockerfile ]; then refuse 1 "There is no Dockerfile beside azdeploy.sh." "Run the command in a whole clone."; fi
    if ! _keeps_secrets_out; then
        refuse 1 ".dockerignore does not keep .env and .azure out of what is sent to the registry." "Put the lines .env and .azure into it."
    fi
    local tag folder=. code=0
    tag="voicebot:$(_tag)"
    image="$registry_host/$tag"
    repeat_with="$(again image)"
    if [ -n "$persona_file" ] && [ "$persona_file" != voicebot.toml ]; then
        folder=$private/context
        _copy_with_personas "$folder"
    fi
    expecting=registry
    _tried shown "building the image by a task of the registry" az acr build --subscription "$subscription" \
        --registry "$registry" --image "$tag" --platform linux/amd64 --build-arg "REVISION=${state%% *}" \
        --file "$(native "$folder/Dockerfile")" "$(native "$folder")" || code=$?
    if ((code)); then
        if grep -q TasksOperationsNotAllowed "$private/said" && command -v docker >/dev/null 2>&1; then
            _build_here "$folder"
        else
            failed "building the image by a task of the registry" "$code"
        fi
    fi
    expecting=""
    repeat_with=""
    rm -rf "$private/context"
    remember BOT_IMAGE "$image"
    remember BOT_SOURCE "$state"
    remember BOT_PERSONAS "$persona_file"
}

# The image takes voicebot.toml along. Another file of personas is put in its place in a copy of this folder.
_copy_with_personas() {
    mkdir "$1"
    tar -cf - --exclude=./.git --exclude=./.venv --exclude=./node_modules --exclude=./.env --exclude=./.azure . | tar -xf - -C "$1"
    cp "$persona_file" "$1/voicebot.toml"
}

_build_here() {
    say "   This subscription may not run tasks in a registry. Docker is here, so it builds here."
    repeat_with="$(again image)"
    step "building the image with Docker" docker build --platform linux/amd64 --tag "$image" \
        --file "$(native "$1/Dockerfile")" "$(native "$1")"
    step "signing Docker in to the registry" az acr login --subscription "$subscription" --name "$registry"
    step "pushing the image" docker push "$image"
}

# Whether .env and .azure stay here: each by its own line, or everything that is not let in again.
_keeps_secrets_out() {
    if [ ! -f .dockerignore ]; then return 1; fi
    if grep -Eq '^\*\*?[[:space:]]*$' .dockerignore; then ! grep -Eq '^!.*\.(env|azure)' .dockerignore; return; fi
    grep -Eq '^(\*\*/)?\.env\*?/?[[:space:]]*$' .dockerignore && grep -Eq '^(\*\*/)?\.azure/?[[:space:]]*$' .dockerignore
}
