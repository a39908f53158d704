# The image of the action. Any Debian-based image with Python 3.11 or newer in its PATH will do.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY requirements/ requirements/
RUN python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt \
 && python3 -m venv --without-pip /opt/remigrate \
 && /build/bin/pip --python /opt/remigrate/bin/python install --no-cache-dir --no-compile \
      --require-hashes --requirement requirements/runtime.txt
# uv builds the environments of the projects that are checked. It stays apart from Remigrate's own.
RUN python3 -m venv --without-pip /uv \
 && /build/bin/pip --python /uv/bin/python install --no-cache-dir --no-compile \
      --require-hashes --requirement requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY hooks/ hooks/
COPY src/ src/
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /build/bin/pip --python /opt/remigrate/bin/python install --no-cache-dir --no-compile \
      --no-deps --no-index /wheel/*.whl
# Compiled once here instead of at every start. "unchecked": nobody edits the files of an image.
RUN /opt/remigrate/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/remigrate/lib

FROM ${PYTHON_IMAGE}
# git and PostgreSQL of the image's own Debian: its security updates come with every build. What
# psycopg needs comes with the server. LLVM would be half of its size, and is only for queries that
# take long: scratch servers do without (jit=off).
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git postgresql-common \
 && sed -i 's/^#create_main_cluster .*/create_main_cluster = false/' \
      /etc/postgresql-common/createcluster.conf \
 && apt-get install --yes --no-install-recommends \
      -o 'Dpkg::Options::=--path-exclude=/usr/lib/*/libLLVM*' \
      -o 'Dpkg::Options::=--path-exclude=/usr/lib/*/libz3*' \
      -o 'Dpkg::Options::=--path-exclude=/usr/lib/postgresql/*/bitcode/*' \
      postgresql \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /uv/bin/uv /usr/local/bin/uv
COPY --from=build /opt/remigrate /opt/remigrate
# The mark says that the file system is this image's own; the sandbox's scratch folders come to /srv.
# The user runs scratch servers, and nothing else, here or on the host, has its number.
RUN touch /opt/remigrate/.image \
 && useradd --uid 64323 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
      remigrate-server \
 && install --directory --mode=0711 /srv/remigrate
# The official images carry their standard library without compiled files. A first run compiles
# what a run imports, and shows that the image works.
RUN /opt/remigrate/bin/python -I -c 'import remigrate.action, remigrate.bot' \
 && git init --quiet /tmp/empty \
 && /opt/remigrate/bin/remigrate check --no-cache --format github /tmp/empty \
 && /opt/remigrate/bin/remigrate check --no-cache --format markdown /tmp/empty \
 && /opt/remigrate/bin/remigrate check --no-cache --format sarif /tmp/empty \
 && rm -rf /tmp/empty
# GitHub wants the root user. The directory that this starts in is the pull request's: the path is
# absolute and -I keeps that directory, PYTHONPATH and the user's site out of what is imported.
ENTRYPOINT ["/opt/remigrate/bin/python", "-I", "-m", "remigrate.action"]
