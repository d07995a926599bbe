//! Laws of an archive's readers: lists of S3, keys, notifications.

use denywatch::io::aws::listing;
use denywatch::io::sources::archive::{Place, Selection};
use denywatch::io::sources::envelope::{self, Input};
use denywatch::io::sources::notice::ScanTask;
use serde_json::{Value, json};

/// A key of a log file is wanted by whoever wants all, as are the folders above it; a page and a notification give only what
/// stands in them; a task is read as it is written.
pub fn archive(text: &str) {
    key(text);
    if let Ok(page) = listing::read(text) {
        assert!(page.objects.len() <= text.matches("Contents").count());
        page.objects.iter().for_each(|object| key(&object.key));
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    if let Input::Messages { messages, .. } = envelope::read(&value) {
        let files = messages.iter().flat_map(|message| &message.files);
        files.for_each(|file| assert!(Place::of(&file.key).is_log(), "{file:?}"));
    }
    if let Ok(task) = ScanTask::read(&value) {
        assert_eq!(ScanTask::read(&task.message()["denywatch"]), Ok(task));
    }
    let object = json!({"bucket": {"name": "my-logs"}, "object": {"key": text}});
    let notice = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object}]});
    drop(envelope::read(&notice));
}

fn key(key: &str) {
    let place = Place::of(key);
    if place.is_log() && !place.is_foreign() {
        let all = Selection::default();
        let mut folders = key.match_indices('/').map(|(end, _)| &key[..=end]);
        assert!(all.may_hold(key), "{key}");
        assert!(folders.all(|folder| Place::of(folder).is_foreign() || all.may_hold(folder)), "{key}");
    }
}
