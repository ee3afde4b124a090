# The bot as a container image; docs/container.md says how to build and run it, and what is in it.
#
# It keeps to what Docker's classic builder knows, because `az acr build` uses that one: no RUN --mount,
# no COPY --chmod, no here-documents.

# Where the base images come from: name copies in a registry of your own where the public ones are rationed.
ARG PYTHON_IMAGE=python:3.13-slim
ARG NODE_IMAGE=node:22-slim


# Twilio's SDK for the softphone, by package-lock.json, its hash compared once more by the script.
FROM ${NODE_IMAGE} AS sdk
WORKDIR /src
COPY package.json package-lock.json ./
COPY scripts/voice-sdk scripts/
COPY webhooks/voice_token.py webhooks/
# An .npmrc may hold a token, so none is taken along; the script wants the file to be there.
RUN touch .npmrc && sh scripts/voice-sdk


FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# An init of 20 KB as process 1. Without it a stop during start-up would be ignored, as process 1 has no default
# actions, and what a crashed embedded engine leaves behind would stay a zombie. And `strip`, for below.
# hadolint ignore=DL3008  # Debian serves its latest version only; one that is named here would be gone some day
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends binutils tini \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements/ requirements/

# ENGINE=1 brings the embedded engine's ears and voice along, for a bot without Azure.
# Wheels only: nothing is compiled, and no package runs code of its own here. Their tests, and uvloop's symbols for
# debuggers, are 30 MB that nobody needs.
ARG ENGINE=0
RUN case "$ENGINE" in 0) locked=bot ;; 1) locked=engine ;; *) echo "ENGINE should be 0 or 1" >&2; exit 1 ;; esac \
 && python -m venv --without-pip /opt/voicebot \
 && pip --python /opt/voicebot/bin/python install --quiet --no-compile --only-binary :all: --require-hashes \
        -r "requirements/$locked.txt" \
 && find /opt/voicebot -type d -name tests -prune -exec rm -r {} + \
 && strip --strip-debug /opt/voicebot/lib/python3*/site-packages/uvloop/*.so \
 && python -m venv --without-pip /opt/hatchling \
 && pip --python /opt/hatchling/bin/python install --quiet --only-binary :all: --require-hashes \
        -r requirements/build.txt

# The project as a wheel. Bytecode that is never compared with its source: nobody can change either. What Twilio offers
# beside its main API is not used, and a thousand files.
COPY pyproject.toml README.md LICENSE ./
COPY bot/ bot/
COPY webhooks/ webhooks/
COPY --from=sdk /src/webhooks/static/vendor/ webhooks/static/vendor/
RUN /opt/hatchling/bin/python -m hatchling build --target wheel --directory /dist \
 && pip --python /opt/voicebot/bin/python install --quiet --no-compile --no-deps --no-index /dist/*.whl \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x 'twilio/rest/(?!api/)\w+/' /opt/voicebot/lib

# Who answers which number, with the modules of tools beside it, where there are such files. The LICENSE is always
# there: the classic builder wants one match at least.
COPY LICENSE voicebot.tom[l] *.p[y] /app/
RUN chmod -R u=rwX,go=rX /app


FROM ${PYTHON_IMAGE}

# Without the means to install more. The standard library comes without bytecode and is compiled too: once the bot
# runs, it could not keep any.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
 && library="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && rm -rf "$library/ensurepip" ~/.cache \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(idlelib|lib2to3|pydoc_data|site-packages|test|tkinter|turtledemo)/' "$library" \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
        --no-log-init voicebot

COPY --from=build /usr/bin/tini-static /usr/bin/tini
COPY --from=build /opt/voicebot/ /opt/voicebot/
COPY --from=build /app/ /app/

ENV PATH=/opt/voicebot/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000
WORKDIR /app
# By number, so that a platform can see that it is not root. Every file belongs to root.
USER 10001:10001
EXPOSE 8000

# App Service and Kubernetes ask /health themselves and do not look at this.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-S", "-c", "\
import os, sys; from http.client import HTTPConnection; \
asking = HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); asking.request('GET', '/health'); \
sys.exit(asking.getresponse().status != 200)"]

# tini hands SIGTERM to the bot alone, which lets live calls end; its exit code is the container's.
ENTRYPOINT ["tini", "--", "voicebot"]
CMD ["serve"]

# Last, because they change with every build.
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="voicelive-phone" \
      org.opencontainers.image.description="A phone number that talks: Twilio calls answered by an Azure AI Voice Live assistant." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
