"""When a deployment runs by itself: `Cron("0 5 1 * *", timezone="Europe/Berlin")`, `Interval(...)`, `RRule(...)`."""

from penstock.core.schedules import Cron, Interval, RRule, Schedule

CronSchedule, IntervalSchedule, RRuleSchedule = Cron, Interval, RRule
"""The names that Prefect has for them."""

__all__ = ["Cron", "CronSchedule", "Interval", "IntervalSchedule", "RRule", "RRuleSchedule", "Schedule"]
