"""A person's case file beyond its first page (console.people): timeline, plan, referrals, safe contact, moves."""
