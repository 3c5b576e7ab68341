-- The service's roles in PostgreSQL, once, as one of the server's Entra administrators (docs/azure.md):
--   psql "host=HOST user=ADMINISTRATOR dbname=postgres sslmode=verify-full sslrootcert=system" -v ON_ERROR_STOP=1 -f database.sql
-- None of them has a password: each logs in with a token of the identity of its name.
SELECT * FROM pgaadauth_create_principal('id-mlrelease-migrate', false, false);
SELECT * FROM pgaadauth_create_principal('id-mlrelease-api', false, false);
SELECT * FROM pgaadauth_create_principal('id-mlrelease-worker', false, false);

-- What API and workers may do: read and write rows. `mlrelease migrate` gives it that, as MLRELEASE_DATABASE_ROLE.
CREATE ROLE mlrelease_service NOLOGIN;
GRANT mlrelease_service TO "id-mlrelease-api", "id-mlrelease-worker";

-- The migration alone makes and changes tables, its engine's in a schema of their own.
GRANT CREATE ON DATABASE mlrelease TO "id-mlrelease-migrate";
\connect mlrelease
GRANT USAGE, CREATE ON SCHEMA public TO "id-mlrelease-migrate";
