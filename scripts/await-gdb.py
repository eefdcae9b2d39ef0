# SPDX-License-Identifier: MIT
"""Tasks of libawait in gdb, of a live process and of a core file.

    (gdb) source await-gdb.py
    (gdb) aw-tasks            every task: number, state, what it waits for
    (gdb) aw-bt fetch         where the tasks of that name stand
    (gdb) aw-bt 17 full       the task number 17, as "backtrace full"

No code runs in the process: the tasks are found through aw_debug_v1 (see
await/debug.h), and libawait needs no debug information. A parked task is
one saved stack pointer with the registers above it; an unwinder of gdb shows
it as the caller of the frame that is selected in truth.
"""
import re
import struct

import gdb
from gdb.unwinder import Unwinder, register_unwinder

FIELDS = (
    "loop_next loop_tasks loop_self loop_thread task_next task_name "
    "task_state task_flags task_id task_born task_status task_site "
    "task_scope task_base task_wait task_sp task_stack task_stack_size "
    "wait_what wait_object wait_since scope_parent scope_task scope_cause "
    "scope_deadline scope_name scope_site scope_kind").split()
STATES = ("queued", "ready", "running", "waiting", "finished")
RUNNING, FINISHED = 2, 4
UNKNOWN = 0xffffffff

# What a switch leaves on the stack it parks (lib/switch_*.S): where each
# register is, above the saved stack pointer, and where the caller's frame is.
LAYOUTS = {
    "i386:x86-64": (64, {"rip": 56, "rbp": 48, "rbx": 40, "r12": 32,
                         "r13": 24, "r14": 16, "r15": 8}, "rsp"),
    "aarch64": (176, {"pc": 88, "x30": 88, "x29": 80, "x28": 72, "x27": 64,
                      "x26": 56, "x25": 48, "x24": 40, "x23": 32, "x22": 24,
                      "x21": 16, "x20": 8, "x19": 0}, "sp"),
}


class Map:
    """aw_debug_v1, and reading by it."""

    def __init__(self):
        self.inferior = gdb.selected_inferior()
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&aw_debug_v1"))
        except gdb.error as error:
            raise gdb.GdbError("no libawait here: %s" % error)
        version, n, self.loops = struct.unpack("IIQ", self.read(at, 16))
        if version != 1 or n < len(FIELDS):
            raise gdb.GdbError("this libawait is of another version")
        offsets = struct.unpack("%dI" % len(FIELDS),
                                self.read(at + 16, 4 * len(FIELDS)))
        self.offset = dict(zip(FIELDS, offsets))

    def read(self, at, size):
        return bytes(self.inferior.read_memory(at, size))

    def get(self, at, field, form="Q"):
        where = at + self.offset[field]
        return struct.unpack(form, self.read(where, struct.calcsize(form)))[0]

    def text(self, at):
        """The characters at an address, up to NUL."""
        out = b""
        while at and b"\0" not in out and len(out) < 256:
            try:
                out += self.read(at + len(out), 16 - (at + len(out)) % 16)
            except gdb.MemoryError:
                break
        return out.split(b"\0")[0].decode("utf-8", "replace")


class Task:
    """What is known of one task."""

    def __init__(self, memory, loop, at):
        self.memory, self.loop, self.at = memory, loop, at
        self.id = memory.get(at, "task_id")
        self.name = memory.text(at + memory.offset["task_name"])
        self.state = memory.get(at, "task_state", "B")
        self.site = memory.text(memory.get(at, "task_site"))
        self.wait = memory.get(at, "task_wait")

    def state_text(self):
        text = STATES[self.state] if self.state < len(STATES) else "?"
        if self.state == FINISHED:
            text += " with %d" % self.memory.get(self.at, "task_status", "i")
        elif self.wait:
            what = self.memory.get(self.wait, "wait_what")
            text += " for " + self.memory.text(what)
        scope = self.memory.get(self.at, "task_scope")
        if scope and self.memory.get(scope, "scope_cause"):
            text += ", cancelled"
        return text

    def runs(self):
        return self.memory.get(self.loop, "loop_self") == self.at

    def saved_sp(self):
        if self.memory.offset["task_sp"] == UNKNOWN:
            raise gdb.GdbError("this libawait switches by ucontext: the "
                               "registers of its tasks are not known")
        return self.memory.get(self.at, "task_sp")

    def line(self):
        return "#%-6d %-24s %s%s" % (self.id, self.name, self.state_text(),
                                     self.site and "  from " + self.site)


def tasks():
    """All tasks of all loops, oldest first."""
    memory = Map()
    loop = struct.unpack("Q", memory.read(memory.loops, 8))[0]
    found = []
    while loop:
        of_loop = []
        at = memory.get(loop, "loop_tasks")
        while at:
            of_loop.append(Task(memory, loop, at))
            at = memory.get(at, "task_next")
        found += reversed(of_loop)
        loop = memory.get(loop, "loop_next")
    return found


class TaskUnwinder(Unwinder):
    """While sp is set: the caller of the innermost frame is a parked task."""

    def __init__(self):
        super().__init__("await-task")
        self.sp = None

    def __call__(self, pending):
        if self.sp is None or pending.level() != 0:
            return None
        above, registers, sp_name = LAYOUTS[pending.architecture().name()]
        here = pending.read_register(sp_name)
        word = gdb.lookup_type("unsigned long")
        frame = FrameId(here.cast(word),
                        pending.read_register("pc").cast(word))
        info = pending.create_unwind_info(frame)
        memory = gdb.selected_inferior()
        for name, offset in registers.items():
            value = bytes(memory.read_memory(self.sp + offset, 8))
            kind = pending.read_register(name).type
            info.add_saved_register(name, gdb.Value(value, kind))
        value = struct.pack("Q", self.sp + above)
        info.add_saved_register(sp_name, gdb.Value(value, here.type))
        return info

    def show(self, sp, words):
        """The frames of a parked task, as bt shows frames."""
        self.sp = sp
        gdb.invalidate_cached_frames()
        try:
            text = gdb.execute("bt " + words, to_string=True)
        finally:
            self.sp = None
            gdb.invalidate_cached_frames()
        lines = text.split("\n")
        first = next((i for i, line in enumerate(lines)
                      if line.startswith("#1 ")), len(lines))
        return "\n".join(re.sub(r"^#(\d+) +", lambda m: "#%-3d" %
                                (int(m.group(1)) - 1), line)
                         for line in lines[first:])


class FrameId:
    """What gdb tells frames apart by."""

    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


unwinder = TaskUnwinder()
register_unwinder(None, unwinder, replace=True)


def bt_of_thread(task, words):
    """A task that runs stands where its thread stands."""
    number = task.memory.get(task.loop, "loop_thread", "i")
    before = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        if number in thread.ptid:
            thread.switch()
            text = gdb.execute("bt " + words, to_string=True)
            before.switch()
            return text
    return "runs in thread %d, which is not here\n" % number


class ListTasks(gdb.Command):
    """List the tasks of libawait: number, name, state, birthplace."""

    def __init__(self):
        super().__init__("aw-tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for task in tasks():
            gdb.write(task.line() + "\n")


class TaskBacktrace(gdb.Command):
    """Backtrace of the tasks with a name or a number: aw-bt NAME [full]."""

    def __init__(self):
        super().__init__("aw-bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if not words:
            raise gdb.GdbError("aw-bt NAME or NUMBER [full]")
        found = [t for t in tasks()
                 if words[0] in (t.name, str(t.id), "#%d" % t.id)]
        if not found:
            raise gdb.GdbError("there is no task %s: see aw-tasks" % words[0])
        for task in found:
            gdb.write(task.line() + "\n")
            if task.state == FINISHED:
                continue
            rest = " ".join(words[1:])
            gdb.write(bt_of_thread(task, rest) if task.runs()
                      else unwinder.show(task.saved_sp(), rest))


ListTasks()
TaskBacktrace()
