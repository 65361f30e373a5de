-- Images that runners have shown to their sandboxes. A fingerprint names one by its digest; what it
-- holds stands here once.
create table runtimes (
    digest bytea primary key,
    manifest jsonb not null,
    first_seen_at timestamptz not null default now(),
    constraint runtimes_digest_is_sha256 check (octet_length(digest) = 32)
);
