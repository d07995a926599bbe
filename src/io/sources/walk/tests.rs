#![allow(clippy::disallowed_methods)] // tests write files

use super::*;
use proptest::prelude::*;
use std::os::unix::fs::symlink;

/// Some of `a` to `c` in one another, each with a log.
fn tree(folder: &Path, depth: usize) {
    fs::write(folder.join("log.json"), "{}").unwrap();
    for name in ["a", "b", "c"].iter().take(depth) {
        fs::create_dir(folder.join(name)).unwrap();
        tree(&folder.join(name), depth - 1);
    }
}

fn told(walk: &mut Walk<'_>) -> Vec<Result<PathBuf, String>> {
    walk.map(|found| found.map(|found| found.path).map_err(|problem| problem.input)).collect()
}

fn place() -> impl Strategy<Value = PathBuf> {
    prop::sample::select(&["", "a", "b", "c", "a/a", "a/b", "b/a", "c/a", "a/b/a", "c/b/a"][..]).prop_map(PathBuf::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever links lead where, and whatever is named, a walk that remembers only once it has to meets what one does that
    /// remembers all folders.
    #[test]
    fn each_folder_is_met_once(
        links in prop::collection::vec((place(), 0..4_usize, place()), 0..5),
        named in prop::collection::vec(place(), 1..4)
    ) {
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path(), 3);
        for (at, name, to) in &links {
            // Before, among and behind the folders; one that is there already is another case.
            let _ = symlink(folder.path().join(to), folder.path().join(at).join(["0", "aa", "bb", "d"][*name]));
        }
        let named: Vec<PathBuf> = named.iter().map(|path| folder.path().join(path)).collect();
        let all = Selection::default();
        let mut remembering = Walk { seen: Some(BTreeSet::new()), ..Walk::new(&named, &all) };
        let expect = told(&mut remembering);
        let mut walk = Walk::new(&named, &all);
        prop_assert_eq!(told(&mut walk), expect);
        prop_assert_eq!(walk.opened, remembering.opened);
        prop_assert!(walk.seen.is_none() || walk.seen == remembering.seen);
    }
}

#[test]
fn nothing_is_remembered_of_folders_that_cannot_be_met_twice() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tree(folder.path(), 3);
    tree(elsewhere.path(), 2);
    symlink(elsewhere.path().join("a"), folder.path().join("a/link")).unwrap();
    let all = Selection::default();
    let named = [folder.path().join("b"), folder.path().join("a"), elsewhere.path().join("b")];
    let mut walk = Walk::new(&named, &all);
    assert_eq!(told(&mut walk).len(), 14);
    assert_eq!((walk.opened, walk.roots.len(), walk.seen), (14, 4, None));
    let named = [folder.path().join("b"), folder.path().join("b/a")];
    let mut walk = Walk::new(&named, &all);
    assert_eq!(told(&mut walk).len() as u64, walk.opened);
    assert_eq!(walk.seen.map(|seen| seen.len() as u64), Some(walk.opened));
}
