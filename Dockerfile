# The server, for 512 MB. What it keeps is in /data; models that were pulled at build time are in /models.
#
#   docker build -t halfgig .                               with the models that speech, search and reps need
#   docker build -t halfgig --build-arg MODELS= .           without; they are pulled into /models when first needed
#   docker run -m 512m --memory-swap 512m -p 8000:8000 -v halfgig:/data -e API_KEYS=... halfgig

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/halfgig
COPY requirements-image.txt ./
RUN /opt/halfgig/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-image.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/halfgig/bin/pip install --no-cache-dir --no-deps .

FROM build AS models
ARG MODELS="tiny.en base all-MiniLM-L6-v2 blazepose-full silero-vad"
ENV MODELS_PATH=/models
RUN mkdir /models
# hadolint ignore=SC2086
RUN test -z "${MODELS}" || /opt/halfgig/bin/halfgig models pull ${MODELS}

FROM python:${PYTHON}-slim-bookworm
RUN groupadd --gid 10001 halfgig \
    && useradd --uid 10001 --gid halfgig --home-dir /data --no-create-home --shell /usr/sbin/nologin halfgig \
    && install --directory --owner=halfgig --group=halfgig /data
COPY --from=models --chown=10001:10001 /models /models
COPY --from=build /opt/halfgig /opt/halfgig
COPY --chmod=755 deploy/start.sh /usr/local/bin/start
ENV PATH=/opt/halfgig/bin:${PATH} \
    HOME=/data \
    HALFGIG_DATA=/data \
    MODELS_PATH=/models \
    HOST=0.0.0.0 \
    PORT=8000 \
    LOG_FORMAT=json
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["/usr/local/bin/start"]
CMD ["halfgig", "serve"]
