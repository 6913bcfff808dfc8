"""Calendars: the moments that schedules mean. The only place that knows cron and time zones."""
