//! Unix seconds as a date in UTC, by the Gregorian calendar.

use crate::functions::DatePart;

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// 400 years always have so many days.
const DAYS_OF_ERA: i64 = 146_097;
const SECONDS_OF_DAY: i64 = 86_400;

/// One part of the date that `value` is in Unix seconds; NaN for what is no date.
pub(super) fn part(part: DatePart, value: f64) -> f64 {
    // Past this the seconds of a date cannot be counted.
    let countable = value.abs() < 9.2e18;
    if !countable {
        return f64::NAN;
    }
    // Fractions are cut off towards zero, as a conversion to an integer does.
    let seconds = value as i64;
    let (day, second) = (seconds.div_euclid(SECONDS_OF_DAY), seconds.rem_euclid(SECONDS_OF_DAY));
    let (year, month, day_of_month) = civil(day);
    let number = match part {
        DatePart::Minute => second / 60 % 60,
        DatePart::Hour => second / 3600,
        // 1970-01-01 was a Thursday.
        DatePart::DayOfWeek => (day + 4).rem_euclid(7),
        DatePart::DayOfMonth => day_of_month,
        DatePart::DayOfYear => day - days(year, 1, 1) + 1,
        DatePart::DaysInMonth => {
            let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            days(next_year, next, 1) - days(year, month, 1)
        }
        DatePart::Month => month,
        DatePart::Year => year,
    };
    number as f64
}

/// Year, month and day of a day since 1970. Years begin in March here, so that the leap day is the
/// last of a year, and months repeat a pattern of 153 days.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_TO_1970;
    let (era, day) = (day.div_euclid(DAYS_OF_ERA), day.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day_of_month = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_month)
}

/// The day since 1970 of a date.
fn days(year: i64, month: i64, day_of_month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let day = (153 * from_march + 2) / 5 + day_of_month - 1;
    era * DAYS_OF_ERA + year * 365 + year / 4 - year / 100 + day - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_each_others_inverse() {
        for day in (-800_000..800_000).step_by(97) {
            let (year, month, day_of_month) = civil(day);
            assert_eq!(days(year, month, day_of_month), day);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day_of_month));
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(-1), (1969, 12, 31));
    }
}
