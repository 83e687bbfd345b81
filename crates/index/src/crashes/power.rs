//! The power fails at every step.

use super::model::{Disk, Loss};
use super::{assert_survived, fast_dir, is_stored, open, sessions, stride, tell};
use crate::disk::faults::{Step, Watch};

fn journal() -> Vec<Step> {
    let dir = fast_dir();
    let watch = Watch::new(dir.path());
    tell(&dir.path().join("index"), &watch);
    watch.steps()
}

/// The states of the disk, one for each step, and how much was acknowledged by then.
fn states(steps: &[Step]) -> impl Iterator<Item = (usize, Disk, usize)> {
    let (mut disk, mut acknowledged) = (Disk::new(), 0);
    std::iter::once((0, disk.clone(), 0)).chain(steps.iter().enumerate().map(move |(number, step)| {
        disk.apply(step);
        if let Step::Acknowledged(count) = step {
            acknowledged = *count;
        }
        (number + 1, disk.clone(), acknowledged)
    }))
}

fn survives(usual_stride: usize, losses: impl Fn(usize) -> Vec<Loss>) {
    let steps = journal();
    assert!(steps.len() > 100, "{}", steps.len());
    for (number, disk, acknowledged) in states(&steps).step_by(stride(usual_stride)) {
        for loss in losses(number) {
            let dir = fast_dir();
            disk.write(dir.path(), loss);
            let last = number.checked_sub(1).map(|last| &steps[last]);
            assert_survived(
                &dir.path().join("index"),
                acknowledged,
                acknowledged,
                &format!("{loss:?} after {number} {last:?}"),
            );
        }
    }
}

#[test]
fn a_kill_at_any_step_loses_nothing() {
    survives(2, |_| vec![Loss::Nothing]);
}

#[test]
fn a_power_loss_at_any_step_loses_nothing() {
    survives(1, |_| vec![Loss::Everything]);
}

#[test]
fn a_power_loss_that_takes_names_or_bytes_alone_loses_nothing() {
    survives(5, |_| vec![Loss::Names, Loss::Bytes]);
}

#[test]
fn a_power_loss_that_takes_some_and_leaves_some_loses_nothing() {
    survives(3, |number| vec![Loss::Some(number as u64)]);
}

/// A process is killed, its successor sees what is stored and acknowledges it, and then the power fails.
#[test]
fn what_the_successor_of_a_killed_process_sees_is_durable() {
    let steps = journal();
    let sessions = sessions();
    let mut seen_before_acknowledged = 0;
    for (number, mut disk, acknowledged) in states(&steps).step_by(stride(2)) {
        let dir = fast_dir();
        disk.write(dir.path(), Loss::Nothing);
        let index = dir.path().join("index");
        let watch = Watch::new(dir.path());
        let sink = open(&index).unwrap();
        let seen = sessions.iter().filter(|session| is_stored(&sink, session)).count();
        drop(sink);
        seen_before_acknowledged += usize::from(seen > acknowledged);
        watch.steps().iter().for_each(|step| disk.apply(step));
        drop(watch);
        let after = fast_dir();
        disk.write(after.path(), Loss::Everything);
        let case = format!("seen after a kill at {number}");
        assert_survived(&after.path().join("index"), seen, acknowledged, &case);
    }
    assert!(seen_before_acknowledged > 0, "that is what this is about");
}
