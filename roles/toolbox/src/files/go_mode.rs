//! A file's mode as Go prints it, which is what clients show.

/// Go's text of a mode as `stat` gives it: the letters of the kind and of the special bits, `-` if
/// there are none, then nine letters of permissions.
pub(super) fn go_mode(mode: u32) -> String {
    let kind = mode & libc::S_IFMT;
    let letters = [
        (kind == libc::S_IFDIR, 'd'),
        (kind == libc::S_IFLNK, 'L'),
        (kind == libc::S_IFBLK || kind == libc::S_IFCHR, 'D'),
        (kind == libc::S_IFIFO, 'p'),
        (kind == libc::S_IFSOCK, 'S'),
        (mode & libc::S_ISUID != 0, 'u'),
        (mode & libc::S_ISGID != 0, 'g'),
        (kind == libc::S_IFCHR, 'c'),
        (mode & libc::S_ISVTX != 0, 't'),
    ];
    let mut text: String =
        letters.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    if text.is_empty() {
        text.push('-');
    }
    text.extend(
        "rwxrwxrwx"
            .chars()
            .zip(0..)
            .map(|(letter, place)| if mode & 0o400 >> place != 0 { letter } else { '-' }),
    );
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_what_go_prints() {
        for (mode, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o041_777, "dtrwxrwxrwx"),
            (0o020_666, "Dcrw-rw-rw-"),
            (0o060_660, "Drw-rw----"),
            (0o120_777, "Lrwxrwxrwx"),
            (0o010_600, "prw-------"),
            (0o140_755, "Srwxr-xr-x"),
            (0o104_755, "urwxr-xr-x"),
            (0o102_755, "grwxr-xr-x"),
            (0o106_755, "ugrwxr-xr-x"),
            (0o100_000, "----------"),
        ] {
            assert_eq!(go_mode(mode), text, "{mode:o}");
        }
    }

    proptest! {
        #[test]
        fn the_last_nine_letters_are_the_permissions(mode in 0_u32..0o200_000) {
            let text = go_mode(mode);
            let (kind, permissions) = text.split_at(text.len() - 9);
            prop_assert!(!kind.is_empty());
            let bits = permissions.chars().fold(0, |bits, letter| bits << 1 | u32::from(letter != '-'));
            prop_assert_eq!(bits, mode & 0o777);
            prop_assert_eq!(kind.contains('t'), mode & 0o1000 != 0);
            prop_assert_eq!(kind.contains('u'), mode & 0o4000 != 0);
        }
    }
}
