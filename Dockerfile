# syntax=docker/dockerfile:1
# docloop in a container: one image for the web process and for CPU workers.
#   docker build -t docloop .                                               CPU, without torch
#   docker build -t docloop-gpu --build-arg EXTRAS=postgresql,redis,s3,layout .   trains LayoutLMv3 or LiLT on a GPU

ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG EXTRAS=postgresql,redis,s3
WORKDIR /src
COPY constraints.txt ./
# The installer's version stands in constraints.txt, as all others.
# hadolint ignore=DL3013
RUN python -m venv /opt/docloop && /opt/docloop/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt uv
COPY pyproject.toml README.md LICENSE ./
COPY label_config label_config
COPY ml_backend ml_backend
COPY active_learning active_learning
COPY training training
COPY docloop docloop
RUN /opt/docloop/bin/uv pip install --no-cache --compile-bytecode --python /opt/docloop -c constraints.txt ".[${EXTRAS}]" \
    && /opt/docloop/bin/uv pip uninstall --python /opt/docloop uv pip

FROM python:${PYTHON}-slim-bookworm
# Nothing to install: OpenCV comes headless. Group 0 as on OpenShift; the user owns nothing but the data folder.
RUN useradd --uid 10001 --gid 0 --home-dir /data --no-create-home --shell /usr/sbin/nologin docloop \
    && install --directory --owner=10001 --group=0 --mode=0770 /data
COPY --from=build /opt/docloop /opt/docloop
ENV PATH=/opt/docloop/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    HF_HOME=/data/hub \
    MPLCONFIGDIR=/tmp/matplotlib \
    DOCLOOP_DATA_DIR=/data \
    DOCLOOP_HOST=0.0.0.0 \
    DOCLOOP_LOG_FORMAT=json
USER 10001:0
WORKDIR /data
VOLUME /data
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9090/health', timeout=2)"]
ENTRYPOINT ["docloop"]
CMD ["web"]
