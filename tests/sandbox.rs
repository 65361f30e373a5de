//! thin
use leanboard::domain::limits::Limits;
use leanboard::sandbox::*;

#[test]
fn thin() {
    enter_private_mounts().unwrap();
    let mut options = WallsOptions::new("/run/leanboard-test/thin");
    if std::env::var("RUNC").is_ok() {
        options.engine = Engine::Runc;
    }
    let t = std::time::Instant::now();
    let walls = Walls::raise(options).unwrap_or_else(|e| panic!("{e} {e:?}"));
    println!("raised {:?} {}", t.elapsed(), walls.engine_version());
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let s = walls
            .make_room(&Room::new(["/usr/bin/true"], Limits::default()))
            .unwrap();
        println!("made {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let run = s.wait().unwrap();
        println!(
            "waited {:?} {:?} {:?} {:?}",
            t.elapsed(),
            run.outcome,
            run.usage,
            run.duration()
        );
    }
}
