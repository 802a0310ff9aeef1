use super::*;

fn result(strided: &Strided) -> Vec<usize> {
    let input: Vec<usize> = (0..strided.input.iter().product()).collect();
    let mut output = vec![99; strided.output.iter().product()];
    strided.write(&input, &mut output);
    output
}

#[test]
fn views_of_views_give_the_elements_that_their_indices_say() {
    let plane = Strided::new(&[2, 3]).expect("small");
    assert!(plane.is_identity());
    assert_eq!(result(&plane.clone().permuted(&[1, 0]).expect("a permutation")), [0, 3, 1, 4, 2, 5]);
    let reversed = plane.clone().sliced(1, 2, -1, 3).expect("within");
    assert_eq!(result(&reversed), [2, 1, 0, 5, 4, 3]);
    let corner = reversed.sliced(1, 0, 2, 2).expect("within").sliced(0, 1, 1, 1).expect("within");
    assert_eq!(result(&corner), [5, 3]);
    assert_eq!(result(&corner.expanded(&[2, 2, 2]).expect("repeats")), [5, 3, 5, 3, 5, 3, 5, 3]);
    assert_eq!(result(&Strided::new(&[]).expect("small").expanded(&[2]).expect("repeats")), [0, 0]);
    assert_eq!(result(&Strided::part_of_row(7, 3, &[2, 2]).expect("within")), [3, 4, 5, 6]);
    assert_eq!(result(&plane.sliced(0, 0, 1, 0).expect("empty")), [0; 0]);
}

#[test]
fn places_outside_are_refused() {
    let plane = || Strided::new(&[2, 3]).expect("small");
    for (first, step, count) in [(3, 1, 1), (0, 2, 3), (0, -1, 2), (2, isize::MIN, 2), (0, 1, usize::MAX)] {
        assert!(plane().sliced(1, first, step, count).is_err(), "{first} {step} {count}");
    }
    assert!(plane().permuted(&[0, 0]).is_err() && plane().permuted(&[0]).is_err());
    assert!(plane().expanded(&[4, 3]).is_err() && plane().expanded(&[3]).is_err());
    assert!(plane().sliced(2, 0, 1, 1).is_err());
    assert!(Strided::part_of_row(7, 4, &[2, 2]).is_err());
    assert!(Strided::new(&[usize::MAX, 2]).is_err());
}
