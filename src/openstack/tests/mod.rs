//! What the room does on the wire, against a server that follows a script.

mod calls;
mod hostile;
mod lists;
mod logins;
mod sessions;
