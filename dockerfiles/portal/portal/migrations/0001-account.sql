CREATE TABLE account (
    id serial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    role text NOT NULL,
    password_hash text NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
