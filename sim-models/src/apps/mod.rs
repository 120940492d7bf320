//! Tasks: small state machines that make system calls. One step of a task makes at most one call; then softirqs run,
//! then whoever is next on the core.

pub mod flow;
pub mod frames;
pub mod pace;
pub mod ping;
pub mod requests;
pub mod tcp_connect;
pub mod udp_echo;
pub mod udp_once;
pub mod udp_send;
pub mod udp_sink;

use crate::{
    cpu,
    kernel::{
        Alarm, At, Cx, Errno, Kernel, NsId, netns,
        sock::{self, Options, Proto, SockId, lookup},
    },
    packet::Tag,
};
use sim_core::time::Time;

/// A task of this host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskId(pub u32);

/// What a step ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// There is more to do at once.
    Again,
    /// Blocks until its socket has something, or until then.
    Wait(Option<Time>),
    /// Sleeps until then, whatever arrives.
    Sleep(Time),
    /// Exits.
    Done,
}

/// Where a task lives.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    pub id: TaskId,
    pub ns: NsId,
}

macro_rules! apps {
    ($($Name:ident($T:ty)),* $(,)?) => {
        /// The program that a task runs.
        pub enum App {
            $($Name(Box<$T>)),*
        }
        impl App {
            fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
                match self { $(App::$Name(a) => a.step(k, cx, env)),* }
            }
        }
    };
}

apps! {
    Ping(ping::Ping),
    UdpSend(udp_send::UdpSend),
    UdpSink(udp_sink::UdpSink),
    UdpEcho(udp_echo::UdpEcho),
    UdpOnce(udp_once::UdpOnce),
    Requests(requests::Requests),
    TcpConnect(tcp_connect::TcpConnect),
    Frames(frames::Frames),
}

impl App {
    /// Does it wait for whoever comes, as a server does?
    pub fn serves(&self) -> bool {
        matches!(self, App::UdpSink(_) | App::UdpEcho(_))
    }

    /// The message that it has taken out of the network and is not done with.
    pub fn holds(&self) -> Option<Tag> {
        match self {
            App::UdpSink(a) => a.holds(),
            App::UdpEcho(a) => a.holds(),
            App::TcpConnect(a) => a.holds(),
            App::Ping(_) | App::UdpSend(_) | App::UdpOnce(_) | App::Requests(_) | App::Frames(_) => None,
        }
    }
}

/// `socket`, `setsockopt` and `bind`, as a program makes them one after the other; `bind` (0, 0): it does not.
///
/// # Errors
/// ENODEV: there is no `device` to bind to; what `bind` says.
fn open(
    k: &mut Kernel,
    env: Env,
    (proto, owner): (Proto, Option<TaskId>),
    (opts, device): (Options, Option<&str>),
    bind: (u32, u16),
) -> Result<SockId, Errno> {
    let device = match device {
        None => opts.device,
        Some(name) => Some(k.dev_by_name(env.ns, name).ok_or(Errno::ENODEV)?),
    };
    let s = sock::socket(k, env.ns, proto, owner);
    k.sockets.changed();
    if let Some(s) = k.sockets.get_mut(s) {
        s.set_options(Options { device, ..opts });
    }
    if bind != (0, 0) {
        lookup::bind(k, s, bind.0, bind.1)?;
    }
    Ok(s)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// On a run queue or a core.
    Ready,
    /// Blocks on its socket.
    Waiting,
    Sleeping,
    Done,
}

struct Task {
    env: Env,
    /// The core it is pinned to.
    cpu: u32,
    state: State,
    /// When its timer is due; an alarm for any other time is stale.
    deadline: Option<Time>,
    /// `None` only while it runs.
    app: Option<App>,
}

/// All tasks of a host.
#[derive(Default)]
pub struct Tasks {
    all: Vec<Task>,
}

impl Tasks {
    /// The program of a task, with what it found out.
    pub fn app(&self, id: TaskId) -> Option<&App> {
        self.all.get(id.0 as usize)?.app.as_ref()
    }
    /// The same, to be changed before it runs.
    pub fn app_mut(&mut self, id: TaskId) -> Option<&mut App> {
        self.all.get_mut(id.0 as usize)?.app.as_mut()
    }
    /// All tasks in the order in which they were started, each with its namespace and the time that it waits for.
    pub fn iter(&self) -> impl Iterator<Item = (TaskId, NsId, Option<Time>)> {
        self.all.iter().map(|t| (t.env.id, t.env.ns, t.deadline))
    }
    /// All programs, in the order in which they were started.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.all.iter().filter_map(|t| t.app.as_ref())
    }
    /// The same with the namespace of each.
    pub fn in_spaces(&self) -> impl Iterator<Item = (NsId, &App)> {
        self.all.iter().filter_map(|t| Some((t.env.ns, t.app.as_ref()?)))
    }
    /// Has it exited?
    pub fn is_done(&self, id: TaskId) -> bool {
        self.all.get(id.0 as usize).is_none_or(|t| t.state == State::Done)
    }
    /// Does one that has not exited live in `ns`?
    pub(crate) fn any_in(&self, ns: NsId) -> bool {
        self.all.iter().any(|t| t.env.ns == ns && t.state != State::Done)
    }
    /// Number of tasks ever started.
    pub fn len(&self) -> usize {
        self.all.len()
    }
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Starts a task in `ns` on core `cpu` at time `at`.
pub fn spawn(k: &mut Kernel, cx: &mut Cx, ns: NsId, on: u32, app: App, at: Time) -> TaskId {
    let id = TaskId(k.tasks.all.len() as u32);
    let on = on.min(k.cpus.len() as u32 - 1);
    let env = Env { id, ns };
    k.tasks.all.push(Task { env, cpu: on, state: State::Sleeping, deadline: Some(at), app: Some(app) });
    cx.set_alarm(at.max(cx.queue.now()), Alarm::Task(id.0));
    id
}

/// A socket of this task has something: if the task waits, it is woken, at the expense of whoever brought it.
#[inline]
pub(crate) fn sock_ready(k: &mut Kernel, cx: &mut Cx, id: TaskId) {
    let t = &mut k.tasks.all[id.0 as usize];
    if t.state != State::Waiting {
        return;
    }
    t.state = State::Ready;
    t.deadline = None;
    let on = t.cpu;
    cx.work(At::Wakeup);
    cpu::wake(k, on, id);
}

/// The task's own timer. Returns the core that it is on, if it is woken.
pub(crate) fn alarm(k: &mut Kernel, now: Time, id: u32) -> Option<u32> {
    let t = &mut k.tasks.all[id as usize];
    if t.deadline != Some(now) || !matches!(t.state, State::Waiting | State::Sleeping) {
        return None;
    }
    t.state = State::Ready;
    t.deadline = None;
    let on = t.cpu;
    cpu::wake(k, on, TaskId(id));
    Some(on)
}

/// One step; true if the task goes on at once.
pub(crate) fn step(k: &mut Kernel, cx: &mut Cx, id: TaskId) -> bool {
    let t = &mut k.tasks.all[id.0 as usize];
    let env = t.env;
    let Some(mut app) = t.app.take() else { return false };
    let next = app.step(k, cx, env);
    let t = &mut k.tasks.all[id.0 as usize];
    t.app = Some(app);
    let (state, deadline) = match next {
        Next::Again => return true,
        Next::Wait(until) => (State::Waiting, until),
        Next::Sleep(until) => (State::Sleeping, Some(until)),
        Next::Done => (State::Done, None),
    };
    (t.state, t.deadline) = (state, deadline.map(|d| d.max(cx.clock)));
    if let Some(at) = t.deadline {
        cx.set_timer(at, Alarm::Task(id.0));
    }
    if state == State::Done && k.nameless > 0 {
        netns::put_net(k, cx, env.ns);
    }
    false
}
