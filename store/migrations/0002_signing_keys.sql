-- Signs addresses of files; made when it is first asked for, in clear, for a signature is checked with the key itself.
ALTER TABLE sandbox ADD COLUMN signing_key {TEXT};
