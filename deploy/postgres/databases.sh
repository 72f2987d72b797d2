#!/bin/sh
# Run once by the image of PostgreSQL, on an empty volume: one database and one user each for Label Studio and docloop, so that
# neither can read the other's. The passwords go through psql's variables, never through the command line.
set -eu

psql --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv label_studio LABEL_STUDIO_DB_PASSWORD
\getenv docloop DOCLOOP_DB_PASSWORD
CREATE USER labelstudio PASSWORD :'label_studio';
CREATE USER docloop PASSWORD :'docloop';
CREATE DATABASE labelstudio OWNER labelstudio;
CREATE DATABASE docloop OWNER docloop;
REVOKE CONNECT ON DATABASE labelstudio FROM PUBLIC;
REVOKE CONNECT ON DATABASE docloop FROM PUBLIC;
SQL
