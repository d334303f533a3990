//! What a scenario can make a plugin do.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The steps of one plugin.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Plan {
    pub(crate) middleware: Vec<Step>,
    pub(crate) connection: Vec<Step>,
    pub(crate) handler: Vec<Step>,
    /// When another node has emitted it, and without a socket.
    pub(crate) server: Vec<Step>,
    pub(crate) disconnecting: Vec<Step>,
    pub(crate) disconnect: Vec<Step>,
}

/// One step. A step that returns something adds it to the results, which `answer` sends as ack.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Emit(String, Value),
    /// To a room, with so many binary arguments.
    Attach(String, usize),
    /// To the others.
    Broadcast(String, Value),
    /// To the others in a room.
    To(String, String, Value),
    /// To all sockets in any of the rooms, without those in another.
    In(Vec<String>, Option<String>, String, Value),
    /// To all sockets of a namespace.
    Of(String, String, Value),
    /// To all namespaces that the plugin serves by a pattern.
    OfPattern(String, String, Value),
    /// How many sockets those have.
    CountPattern(String),
    /// To the other nodes: what their plugins shall do.
    ServerEmit(Value),
    /// The same, with what they answered and how many did not.
    ServerAsk(Value, Option<u64>),
    Join(String),
    /// Joins rooms named by their numbers, from the first up to the second.
    JoinNumbers(u32, u32),
    LeaveNumbers(u32, u32),
    Leave(String),
    JoinAll(String, String),
    JoinAllNumbers(String, u32, u32),
    LeaveAll(String, String),
    Rooms,
    SetData(String, Value),
    RemoveData(String),
    Data(String),
    DataAll,
    /// As JSON.
    Handshake,
    Queries,
    /// One parameter.
    Query(String),
    Header(String),
    Disconnect(bool),
    DisconnectAll(String, bool),
    Fetch(String),
    /// With these fields alone.
    FetchFields(String, Vec<String>),
    /// The last of its values, as in the next two: on this node alone.
    Count(String, bool),
    Ids(String, bool),
    RoomNames(String, bool),
    Ask(String, Option<u64>),
    AskRoom(String, String, Option<u64>),
    Sleep(u64),
    Flush,
    Timer(TimerStep),
    Clear(String),
    /// With a key.
    ClearKey(String, String),
    OwnTimer(TimerStep),
    ClearOwn(String),
    Set(String, Value, Option<u64>),
    Get(String),
    /// Out of this bucket.
    GetOf(String, String),
    Delete(String),
    Increment(String, i64),
    Swap(String, Option<Value>, Option<Value>),
    Scan(String, Option<String>, u32),
    /// How many entries there are.
    ScanCount(String, u32),
    /// The keys of all entries; null for one whose value is no text.
    Entries(String),
    Consume(String, u32, u32, u64),
    Reply(Value),
    KeepAck,
    GiveAck(Value),
    Rewrite(Value),
    Fail(String, Option<String>, Option<Value>),
    FailSilently,
    /// With the error of a library.
    FailByLibrary,
    /// An emit that the host refuses.
    Forbidden,
    /// The code of the error of another step, null if there is none.
    Try(Box<Step>),
    /// Code and message of the error of another step, null if there is none.
    Refusal(Box<Step>),
    /// Another step, so many times.
    Repeat(u32, Box<Step>),
    Panic,
    Answer,
}

/// A timer, and its steps.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct TimerStep {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) keep: bool,
    #[serde(default)]
    pub(crate) after: u64,
    #[serde(default)]
    pub(crate) every: Option<u64>,
    #[serde(rename = "do")]
    pub(crate) steps: Vec<Step>,
}
