# The application's image: every service of docker-compose.yml but the two servers runs from it.
# requirements/production.txt is locked for this Python.
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS packages
RUN python -m venv /venv
COPY requirements/production.txt /tmp/production.txt
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: --requirement /tmp/production.txt

FROM ${PYTHON}
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1 \
    TOKENIZERS_PARALLELISM=false \
    SLUICEGATE_STATE_DIR=/state \
    SLUICEGATE_LOG_FORMAT=json
# for wikis, and repositories whose files come over git
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin sluicegate \
    && install --directory --owner=10001 --group=10001 --mode=0700 /state
COPY --from=packages /venv /venv
COPY . /app
WORKDIR /app
USER 10001:10001
VOLUME /state
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", "--worker-tmp-dir=/tmp"]
