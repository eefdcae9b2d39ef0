/* SPDX-License-Identifier: MIT */
/*
 * Civil time: between Unix seconds and year, month, day, hour.
 *
 * Proleptic Gregorian calendar. The year is counted from March, so that the
 * leap day is the last of it and every month begins at a fixed day:
 *
 *	month from March m   0   1   2   3   4  ...
 *	first day            0  31  61  92 122  ...  = (153 m + 2) / 5
 *
 * 400 years are 146,097 days and repeat; day 0 of that count is 0000-03-01,
 * 719,468 days before 1970-01-01. Not gmtime_r(3) and timegm(3): those know
 * struct tm, look at the zone's files and stop at their own limits.
 */
#include <limits.h>
#include <time.h>

#include <await/err.h>
#include <await/time.h>

#define DAY 86400
#define DAYS_400 146097
#define DAYS_TO_1970 719468

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool
is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_of_month(int year, int month)
{
	static const unsigned char days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. */
static int64_t
days_of_date(int year, int month, int day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = floor_div(y, 400), of_era = y - era * 400;
	int m = month > 2 ? month - 3 : month + 9;
	int of_year = (153 * m + 2) / 5 + day - 1;

	return era * DAYS_400 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - DAYS_TO_1970;
}

/* Sets the date; false if the year does not fit. */
static bool
date_of_days(int64_t days, struct aw_time *ret)
{
	int64_t era = floor_div(days + DAYS_TO_1970, DAYS_400), year;
	int day = (int)(days + DAYS_TO_1970 - era * DAYS_400);
	int of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int of_year = day - (of_era * 365 + of_era / 4 - of_era / 100);
	int m = (5 * of_year + 2) / 153;

	year = era * 400 + of_era + (m >= 10);
	if (year < INT_MIN || year > INT_MAX)
		return false;
	ret->year = (int)year;
	ret->month = m < 10 ? m + 3 : m - 9;
	ret->day = of_year - (153 * m + 2) / 5 + 1;
	return true;
}

struct aw_time
aw_time_unix(time_t seconds)
{
	struct aw_time time = { .kind = AW_TIME_INSTANT };
	int64_t days = floor_div(seconds, DAY);
	int rest = (int)(seconds % DAY);

	if (!date_of_days(days, &time)) {
		time.kind = seconds > 0 ? AW_TIME_INFINITY
					: AW_TIME_MINUS_INFINITY;
		return time;
	}
	rest += rest < 0 ? DAY : 0;
	time.hour = rest / 3600;
	time.minute = rest / 60 % 60;
	time.second = rest % 60;
	return time;
}

struct aw_time
aw_time(void)
{
	struct timespec now;
	struct aw_time time;

	clock_gettime(CLOCK_REALTIME, &now);
	time = aw_time_unix(now.tv_sec);
	time.microsecond = (int)(now.tv_nsec / 1000);
	return time;
}

static bool
is_date(const struct aw_time *t)
{
	return t->month >= 1 && t->month <= 12 && t->day >= 1 &&
	       t->day <= days_of_month(t->year, t->month);
}

static bool
is_time_of_day(const struct aw_time *t)
{
	return t->hour >= 0 && t->hour <= 23 && t->minute >= 0 &&
	       t->minute <= 59 && t->second >= 0 && t->second <= 59 &&
	       t->microsecond >= 0 && t->microsecond <= 999999;
}

int
aw_time_to_unix(const struct aw_time *time, int64_t *ret_seconds,
		int *ret_microseconds)
{
	bool date_only = time->kind == AW_TIME_DATE;
	int64_t seconds;

	if (time->kind != AW_TIME_INSTANT && time->kind != AW_TIME_LOCAL &&
	    !date_only)
		return aw_fail(AW_ERANGE, "infinity or a time without a date "
			       "is no point of time");
	if (!is_date(time) || (!date_only && !is_time_of_day(time)))
		return aw_fail(AW_ERANGE, "%04d-%02d-%02d %02d:%02d:%02d.%06d "
			       "is no point of time", time->year, time->month,
			       time->day, time->hour, time->minute,
			       time->second, time->microsecond);
	seconds = days_of_date(time->year, time->month, time->day) * DAY;
	if (!date_only)
		seconds += time->hour * 3600 + time->minute * 60 + time->second;
	*ret_seconds = seconds;
	if (ret_microseconds)
		*ret_microseconds = date_only ? 0 : time->microsecond;
	return 0;
}
