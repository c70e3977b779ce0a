-- What stands here from now on is no URL but a mark: the scheme of a channel and a keyed
-- fingerprint of its URL. The rows that there are get theirs when the hub opens the database.
ALTER TABLE notification_channel RENAME COLUMN url TO channel;

-- Where there are no rows yet, there is nothing to change: the key is made with the table.
INSERT INTO secret (name, value)
SELECT 'channel_key', randomblob(32)
WHERE NOT EXISTS (SELECT 1 FROM notification_channel) AND NOT EXISTS (SELECT 1 FROM delivery);
