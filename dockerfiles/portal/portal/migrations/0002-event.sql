CREATE TABLE event (
    id serial PRIMARY KEY,
    name text NOT NULL,
    subject text NOT NULL,
    happened timestamptz NOT NULL DEFAULT now()
);
