//! Arithmetic of the proleptic Gregorian calendar and checks of ranges, on plain ints.
//!
//! Day 1 is the first of January of year 1. Functions that take a month want 1..=12; years and days may be out of range
//! (an unpickled date can hold any), which gives a meaningless but defined result. CPython: the first part of
//! Modules/_datetimemodule.c.

use naja_vm::{PyResult, Vm};

pub const MINYEAR: i32 = 1;
pub const MAXYEAR: i32 = 9999;
/// The number of 31 December 9999.
pub const MAX_ORDINAL: i64 = 3_652_059;
pub const SECONDS_PER_DAY: i64 = 24 * 3600;
/// Seconds from the first instant of day 0 to 1970, the calendar's day numbers being counted from 1.
pub const EPOCH: i64 = 719_163 * SECONDS_PER_DAY;

const DAYS_IN_MONTH: [i32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS_BEFORE_MONTH: [i32; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day {
    pub year: i32,
    pub month: i32,
    pub day: i32,
}

/// A time of day. `fold` takes no part in comparisons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Clock {
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub micro: i32,
}

impl Clock {
    /// Seconds since midnight.
    pub fn seconds(self) -> i64 {
        (self.hour as i64 * 60 + self.minute as i64) * 60 + self.second as i64
    }
}

pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn of_month(table: &[i32; 13], month: i32) -> i32 {
    table.get(month as usize).copied().unwrap_or(0)
}

pub fn days_in_month(year: i32, month: i32) -> i32 {
    of_month(&DAYS_IN_MONTH, month) + (month == 2 && is_leap(year)) as i32
}

pub fn days_before_month(year: i32, month: i32) -> i32 {
    of_month(&DAYS_BEFORE_MONTH, month) + (month > 2 && is_leap(year)) as i32
}

fn days_before_year(year: i32) -> i64 {
    let y = year as i64 - 1;
    y * 365 + y / 4 - y / 100 + y / 400
}

/// The day's number.
pub fn ordinal(day: Day) -> i64 {
    days_before_year(day.year) + days_before_month(day.year, day.month) as i64 + day.day as i64
}

/// The day of a number of at least 1.
pub fn from_ordinal(ordinal: i64) -> Day {
    // Cycles of 400, 100, 4 years and single years, from the first day of year 1; the last day of a leap year would
    // else count as the first of a fifth year (or century).
    let n = ordinal - 1;
    let (n400, n) = (n.div_euclid(146_097), n.rem_euclid(146_097));
    let (n100, n) = (n / 36_524, n % 36_524);
    let (n4, n) = (n / 1461, n % 1461);
    let (n1, n) = (n / 365, n % 365);
    let year = (n400 * 400 + n100 * 100 + n4 * 4 + n1 + 1) as i32;
    if n1 == 4 || n100 == 4 {
        return Day {
            year: year - 1,
            month: 12,
            day: 31,
        };
    }
    let n = n as i32;
    let mut month = 12;
    while month > 1 && days_before_month(year, month) > n {
        month -= 1;
    }
    Day {
        year,
        month,
        day: n - days_before_month(year, month) + 1,
    }
}

/// Monday is 0.
pub fn weekday(day: Day) -> i32 {
    (ordinal(day) + 6).rem_euclid(7) as i32
}

/// The number of the Monday with which week 1 of an ISO year begins: that week holds the year's first Thursday.
pub fn iso_week1_monday(year: i32) -> i64 {
    let first = ordinal(Day {
        year,
        month: 1,
        day: 1,
    });
    let weekday = (first + 6).rem_euclid(7);
    first - weekday + if weekday > 3 { 7 } else { 0 }
}

/// ISO year, week and weekday (Monday is 1).
pub fn iso_calendar(day: Day) -> (i32, i32, i32) {
    let today = ordinal(day);
    let mut year = day.year;
    let mut monday = iso_week1_monday(year);
    let mut week = (today - monday).div_euclid(7);
    let weekday = (today - monday).rem_euclid(7);
    if week < 0 {
        year -= 1;
        monday = iso_week1_monday(year);
        week = (today - monday).div_euclid(7);
    } else if week >= 52 && today >= iso_week1_monday(year + 1) {
        year += 1;
        week = 0;
    }
    (year, week as i32 + 1, weekday as i32 + 1)
}

/// Why three numbers are no ISO day.
pub enum IsoError {
    Year,
    Week,
    Weekday,
}

/// The day of an ISO year, week and weekday.
pub fn from_iso_calendar(year: i32, week: i32, weekday: i32) -> Result<Day, IsoError> {
    if !(MINYEAR..=MAXYEAR).contains(&year) {
        return Err(IsoError::Year);
    }
    if !(1..53).contains(&week) {
        // A year has 53 weeks if it begins with a Thursday, or with a Wednesday and is a leap year.
        let first = weekday_of_new_year(year);
        let long = first == 3 || first == 2 && is_leap(year);
        if week != 53 || !long {
            return Err(IsoError::Week);
        }
    }
    if !(1..=7).contains(&weekday) {
        return Err(IsoError::Weekday);
    }
    let number = iso_week1_monday(year) + (week as i64 - 1) * 7 + weekday as i64 - 1;
    Ok(from_ordinal(number))
}

fn weekday_of_new_year(year: i32) -> i32 {
    weekday(Day {
        year,
        month: 1,
        day: 1,
    })
}

/// Raises ValueError for a day that does not exist.
pub fn check_day(vm: &Vm, d: Day) -> PyResult<()> {
    if !(MINYEAR..=MAXYEAR).contains(&d.year) {
        return Err(vm.value_error(format!(
            "year must be in {MINYEAR}..{MAXYEAR}, not {}",
            d.year
        )));
    }
    if !(1..=12).contains(&d.month) {
        return Err(vm.value_error(format!("month must be in 1..12, not {}", d.month)));
    }
    let days = days_in_month(d.year, d.month);
    if !(1..=days).contains(&d.day) {
        return Err(vm.value_error(format!(
            "day {} must be in range 1..{days} for month {} in year {}",
            d.day, d.month, d.year
        )));
    }
    Ok(())
}

/// Raises ValueError for a time that does not exist.
pub fn check_clock(vm: &Vm, t: Clock, fold: i32) -> PyResult<()> {
    let wrong = |what: &str, most: i32, n: i32| {
        Err(vm.value_error(format!("{what} must be in 0..{most}, not {n}")))
    };
    if !(0..24).contains(&t.hour) {
        return wrong("hour", 23, t.hour);
    }
    if !(0..60).contains(&t.minute) {
        return wrong("minute", 59, t.minute);
    }
    if !(0..60).contains(&t.second) {
        return wrong("second", 59, t.second);
    }
    if !(0..1_000_000).contains(&t.micro) {
        return wrong("microsecond", 999_999, t.micro);
    }
    if !matches!(fold, 0 | 1) {
        return Err(vm.value_error(format!("fold must be either 0 or 1, not {fold}")));
    }
    Ok(())
}

/// A day so many days later. Raises OverflowError.
pub fn add_days(vm: &Vm, d: Day, days: i64) -> PyResult<Day> {
    let number = ordinal(d) + days;
    if !(1..=MAX_ORDINAL).contains(&number) {
        return Err(vm.overflow_error("date value out of range"));
    }
    Ok(from_ordinal(number))
}

/// A moment so many days, seconds and microseconds later. Raises OverflowError.
pub fn add_time(
    vm: &Vm,
    day: Day,
    clock: Clock,
    days: i64,
    seconds: i64,
    micros: i64,
) -> PyResult<(Day, Clock)> {
    let micros = clock.micro as i64 + micros;
    let seconds = clock.seconds() + seconds + micros.div_euclid(1_000_000);
    let days = days + seconds.div_euclid(SECONDS_PER_DAY);
    let seconds = seconds.rem_euclid(SECONDS_PER_DAY) as i32;
    let clock = Clock {
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        micro: micros.rem_euclid(1_000_000) as i32,
    };
    Ok((add_days(vm, day, days)?, clock))
}

/// Seconds since the first instant of day 0. Raises ValueError for years without day numbers.
pub fn total_seconds(vm: &Vm, day: Day, clock: Clock) -> PyResult<i64> {
    if !(MINYEAR..=MAXYEAR).contains(&day.year) {
        return Err(vm.value_error(format!(
            "year must be in {MINYEAR}..{MAXYEAR}, not {}",
            day.year
        )));
    }
    Ok(ordinal(day) * SECONDS_PER_DAY + clock.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_agree() {
        let mut last = from_ordinal(1);
        assert_eq!((last.year, last.month, last.day), (1, 1, 1));
        for n in (2..=MAX_ORDINAL).step_by(17) {
            let day = from_ordinal(n);
            assert_eq!(ordinal(day), n);
            assert!(day > last);
            last = day;
        }
        let end = from_ordinal(MAX_ORDINAL);
        assert_eq!((end.year, end.month, end.day), (9999, 12, 31));
    }

    #[test]
    fn iso_weeks() {
        let day = |year, month, day| Day { year, month, day };
        assert_eq!(iso_calendar(day(2021, 1, 3)), (2020, 53, 7));
        assert_eq!(iso_calendar(day(2019, 12, 30)), (2020, 1, 1));
        for n in (400..MAX_ORDINAL - 400).step_by(61) {
            let (y, w, d) = iso_calendar(from_ordinal(n));
            assert!(from_iso_calendar(y, w, d).is_ok_and(|d| ordinal(d) == n));
        }
        assert!(matches!(
            from_iso_calendar(2019, 53, 1),
            Err(IsoError::Week)
        ));
    }
}
