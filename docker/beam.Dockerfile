# The SDK harness of Beam's cluster runners (Flink, Spark, Dataflow, Prism), with tulip_ops in it.
#
#     docker build -f docker/beam.Dockerfile -t registry.example/tulip-beam:1 .
#     tulip beam --runner FlinkRunner ... -- \
#         --environment_type=DOCKER --environment_config=registry.example/tulip-beam:1
#
# A worker reads TULIP_* from its own environment: hand the harness TULIP_DATABASE_URL and the store
# by your cluster's secrets, never by the image. docs/how-to/beam.md says what was tried.

ARG PYTHON=3.11
ARG BEAM=2.77.0
FROM apache/beam_python${PYTHON}_sdk:${BEAM} AS harness

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="tulip_ops for Beam" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/tulip
COPY requirements.txt pyproject.toml README.md LICENSE ./
# The lock holds everything that any part needs; --require-hashes refuses what is not in it.
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY tulip_ops tulip_ops
COPY models models
RUN pip install --no-cache-dir --no-deps --editable . \
    && useradd --create-home --uid 50000 tulip
# What Beam's runners start in the container.
COPY --from=harness /opt/apache/beam /opt/apache/beam
USER tulip
ENV TULIP_STATE=/tmp/tulip \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
ENTRYPOINT ["/opt/apache/beam/boot"]
