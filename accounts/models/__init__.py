"""Who owns what: people, tenants, memberships, keys, and what bounds them."""

from accounts.models.bounds import MOST_USD, Budget, Limit, alert_shares, check_shares
from accounts.models.credentials import Credential, PlatformCredential
from accounts.models.entries import AuditEntry, Entry, OperatorEntry
from accounts.models.keys import ApiKey, ManagementKey, RetiredSecret
from accounts.models.messages import Message, Webhook
from accounts.models.operating import Announcement, Announcements, Switch
from accounts.models.people import User, UserManager
from accounts.models.tenants import Invitation, Invitations, Membership, Plan, Tenant, check_zone, week_from_now

__all__ = [
    "MOST_USD",
    "Announcement",
    "Announcements",
    "ApiKey",
    "AuditEntry",
    "Budget",
    "Credential",
    "Entry",
    "Invitation",
    "Invitations",
    "Limit",
    "ManagementKey",
    "Membership",
    "Message",
    "OperatorEntry",
    "Plan",
    "PlatformCredential",
    "RetiredSecret",
    "Switch",
    "Tenant",
    "User",
    "UserManager",
    "Webhook",
    "alert_shares",
    "check_shares",
    "check_zone",
    "week_from_now",
]
