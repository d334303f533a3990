//! Dates as JSON has them.

/// Beyond so many milliseconds from 1970 JavaScript has no date.
const LAST_MS: f64 = 8.64e15;
const DAY_MS: i64 = 86_400_000;

/// `date.toJSON()` of a date of so many milliseconds since 1970, with quotes; `null` if it is none.
pub(super) fn push_date(out: &mut String, ms: f64) {
    if !(-LAST_MS..=LAST_MS).contains(&ms) {
        return out.push_str("null");
    }
    let ms = ms.trunc() as i64;
    let (day, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, day) = civil(day);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
    };
    let (hours, minutes, seconds) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60);
    out.push_str(&format!("\"{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z\"", in_day % 1_000));
}

/// Year, month and day of so many days since 1970, in the Gregorian calendar, which is continued into the past. Years begin in March here,
/// so that the day that a leap year has more is their last.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = since_march_0.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::push_date;

    fn date(ms: f64) -> String {
        let mut out = String::new();
        push_date(&mut out, ms);
        out
    }

    #[test]
    fn dates_are_those_of_javascript() {
        for (ms, expected) in [
            (0.0, "\"1970-01-01T00:00:00.000Z\""),
            (-1.0, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_000.0, "\"2000-02-29T00:00:00.000Z\""),
            (1_700_000_000_123.9, "\"2023-11-14T22:13:20.123Z\""),
            (-62_167_219_200_001.0, "\"-000001-12-31T23:59:59.999Z\""),
            (253_402_300_800_000.0, "\"+010000-01-01T00:00:00.000Z\""),
            (8.64e15, "\"+275760-09-13T00:00:00.000Z\""),
            (-8.64e15, "\"-271821-04-20T00:00:00.000Z\""),
            (8.64e15 + 1.0, "null"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(date(ms), expected);
        }
    }
}
