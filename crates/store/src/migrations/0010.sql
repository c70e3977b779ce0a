-- What stands here from now on is no URL but a mark: the scheme of a channel and a keyed
-- fingerprint of its URL. The rows that there are get theirs when the hub opens the database.
ALTER TABLE notification_channel RENAME COLUMN url TO channel;
