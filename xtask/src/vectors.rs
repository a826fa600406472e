//! Vectors made anew, and held against those that are kept: bytes that must never change.

use std::path::Path;
use std::process::Command;

/// Scripts that print a file of vectors, with their arguments, and the file.
const PRINTED: &[(&str, &str)] = &[
    ("make_caps.py", "caps.json"),
    ("make_placement.py", "placement.txt"),
    ("make_zfec.py", "zfec.txt"),
    ("make_ini.py", "ini.json"),
    ("make_node_files.py", "node_files.json"),
    ("make_node_files.py introducers", "introducer_files.json"),
    ("make_mutable_containers.py", "mutable_containers.json"),
    ("make_mutable_files.py", "mutable_files.json"),
    ("make_directories.py", "directories.json"),
    ("make_backupdb.py", "backupdb.json"),
    ("make_banana.py", "banana.json"),
    ("make_grid_manager.py", "grid_manager.json"),
    ("make_wormhole.py", "wormhole.json"),
];

/// A script that writes files beside itself.
const WRITES: (&str, &[&str]) = ("make_dumps.py", &["dump_cap.json", "dump_share.json"]);

/// Runs every script with the Python of Tahoe-LAFS, in a folder that is thrown away; gives what
/// differs.
pub(crate) fn check(root: &Path, tahoe: &Path) -> Result<(), String> {
    let kept = root.join("vectors");
    let python = tahoe.with_file_name("python");
    let folder = std::env::temp_dir().join(format!("tallac-vectors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    let run = |script: &str| {
        let mut words = script.split(' ');
        let script = words.next().unwrap_or_default();
        let copy = folder.join(script);
        std::fs::copy(kept.join(script), &copy).map_err(|error| error.to_string())?;
        let mut command = Command::new(&python);
        command.arg(&copy).args(words).current_dir(&folder);
        // Scripts that need the command find it.
        let bin = tahoe.parent().unwrap_or(root).to_string_lossy();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = command.env("PATH", format!("{bin}:{path}")).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    };
    for (script, file) in PRINTED {
        println!("{script}");
        match run(script) {
            Ok(made) if std::fs::read(kept.join(file)).is_ok_and(|old| old == made) => {}
            Ok(_) => wrong.push(format!("vectors/{file}: {script} makes other bytes now")),
            Err(why) => wrong.push(format!("{script}: {why}")),
        }
    }
    println!("{}", WRITES.0);
    match run(WRITES.0) {
        Ok(_) => {
            for file in WRITES.1 {
                if std::fs::read(kept.join(file)).ok() != std::fs::read(folder.join(file)).ok() {
                    wrong.push(format!("vectors/{file}: {} makes other bytes now", WRITES.0));
                }
            }
        }
        Err(why) => wrong.push(format!("{}: {why}", WRITES.0)),
    }
    let _ = std::fs::remove_dir_all(&folder);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
