/*
 * The controller: walks the phases, keeps the right pipe running, and carries out what commands ask for.
 *
 * (1) The phase in Postgres decides what runs; nothing here remembers it.
 * (2) One operation at a time. A switch stops the pipe between two batches, moves the phase, and the loop goes on from there.
 */
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { PipeEnded, SourceMoved } from '../../../change/errors.ts';
import { isSwitching, type Phase, primaryIn } from '../../../cutover/phase.ts';
import { columnUnder } from '../../../plan/file/misfits.ts';
import type { OnQuarantine } from '../../../postgres/apply/writes.ts';
import type { Control } from '../../../postgres/installed/control.ts';
import type { Controller, CopyReport } from '../controller.ts';
import { catchUp, copyTables, installCapture } from '../copy/copying.ts';
import { guarded } from '../copy/guard.ts';
import { resumed } from '../copy/throttling.ts';
import { type Engine, halt, type Installed, installed } from '../engine.ts';
import { awaitFile, followSource } from '../forward/following.ts';
import { forwardTail } from '../forward/forward-tail.ts';
import { capJournal } from '../forward/journal-cap.ts';
import { forwardSink } from '../forward/sinks.ts';
import { widenByItself } from '../forward/widening.ts';
import { allowGarbage } from '../garbage.ts';
import { leaveToApplication } from '../keep/removal.ts';
import { followLengths } from '../lengths.ts';
import { reverseTail } from '../mirror/reverse-tail.ts';
import { LOST } from '../mirror/slot-guard.ts';
import { moveOn } from '../phases.ts';
import { followLoss } from '../switch/accepted-loss.ts';
import { checkForeignKeys, removeForeignKeys } from '../switch/foreign-keys.ts';
import { settle, takeDown } from '../switch/switching.ts';
import { caughtUp, type ReverseTail, type Tail } from '../tail.ts';
import { turns } from './turns.ts';

/** A change of the schema that goes on for several statements is not followed in each of its steps. */
const LOOK_MS = 20;

export function controller(engine: Engine): Controller {
  const events = new EventEmitter();
  const { alone, idle, settled } = turns(engine.config.source);
  let tail: Tail | ReverseTail | undefined;
  let resume: Promise<void> = Promise.resolve();
  let switching = false;
  let following: Promise<unknown> = Promise.resolve();
  let copied: CopyReport | undefined;
  let ended: { readonly error: unknown } | undefined;

  async function step(signal: AbortSignal, healthy: () => void): Promise<boolean> {
    await awaitFile(engine, signal);
    if (await followLoss(engine)) return true;
    const on = await installed(engine);
    const { control } = on;
    const phase = control.phase as Phase;
    if (isSwitching(phase)) {
      await settle(on);
      return true;
    }
    if (!switching && (await followLengths(on))) return true;
    if (primaryIn(phase) === 'sqlite' && !switching) {
      const moved = followSource(on, signal).then(async moved => moved || (phase === 'shadowing' && (await widenByItself(on, signal))));
      following = moved.catch(() => undefined);
      if (await moved) return true;
    }
    if (switching) return true; // an operation has begun meanwhile: the phase is its own
    switch (phase) {
      case 'preparing':
        await installCapture(on, signal);
        await moveOn(engine, phase, 'installed');
        return true;
      case 'copying':
        copied = await guarded(on, () => copyTables(on, signal));
        await moveOn(engine, phase, 'copied');
        return true;
      case 'catching_up':
        resumed(engine);
        allowGarbage();
        await capJournal(engine, checkpointOf(control).seq);
        await guarded(on, () => catchUp(on, checkpointOf(control), signal));
        await moveOn(engine, phase, 'caught_up');
        return true;
      case 'shadowing': {
        allowGarbage();
        await removeForeignKeys(on);
        if (control.slot !== null) await takeDown(on);
        const checkpoint = checkpointOf(control);
        await capJournal(engine, checkpoint.seq);
        const heeding = { ...on, onQuarantine: heed(on) };
        const following = { checkpoint, verifying: true, returned: control.epoch > 0n };
        await follow(forwardTail(heeding, forwardSink(heeding), following), signal, healthy);
        return true;
      }
      case 'mirroring': {
        if (control.slot === null || control.publication === null)
          throw halt(control.halt?.reason ?? 'the mirror has no replication slot', LOST);
        const mirror = await reverseTail(on, { slot: control.slot, publication: control.publication });
        const checking = checkForeignKeys(on).catch(error => engine.log.warn({ err: error }, 'foreign keys not checked'));
        await follow(mirror, signal, healthy);
        await checking;
        return true;
      }
      case 'finished':
        await leaveToApplication(on);
        return false;
    }
  }

  /** A value for which its column is to be widened ends the pipe, once no operation needs it any more; the loop goes on with that. */
  function heed({ onQuarantine }: Installed): OnQuarantine {
    return (table, misfits) => {
      onQuarantine(table, misfits);
      if (misfits.some(misfit => columnUnder('widen', table, misfit) !== undefined)) void endSoon(tail);
    };
  }

  async function endSoon(running: Tail | ReverseTail | undefined): Promise<void> {
    await idle('widen');
    if (tail === running) await running?.stop();
  }

  /** Runs a pipe until it is stopped (by an operation or by `signal`) or fails. */
  async function follow(running: Tail | ReverseTail, signal: AbortSignal, healthy: () => void): Promise<void> {
    const stop = (): void => void running.stop();
    if (switching) return await running.stop(); // an operation has begun meanwhile, and has found no pipe to stop
    signal.addEventListener('abort', stop, { once: true });
    tail = running;
    events.emit('tail', running);
    healthy();
    try {
      if (signal.aborted) stop();
      await running.done;
    } finally {
      signal.removeEventListener('abort', stop);
      tail = undefined;
    }
  }

  /** The file moved while it was read: look again, and follow. */
  async function again(error: unknown): Promise<true> {
    if (!(error instanceof SourceMoved)) throw error;
    engine.log.info(error.message);
    await delay(LOOK_MS);
    return true;
  }

  return {
    engine,
    async run(signal, healthy) {
      try {
        while (!signal.aborted && (await step(signal, healthy).catch(again))) await resume;
        ended = { error: halt('the controller has stopped', 'start it again with `attacca sync`') };
      } catch (error) {
        ended = { error };
        throw error;
      } finally {
        events.emit('ended');
        // Two switches must never overlap: whoever starts anew waits until this one's operation has found out.
        await settled();
      }
    },
    tail: () => tail,
    async tailing() {
      while (tail === undefined) {
        if (ended !== undefined) throw ended.error;
        await Promise.race([once(events, 'tail'), once(events, 'ended')]);
      }
      return tail;
    },
    async caughtUp() {
      for (;;) {
        try {
          return await caughtUp(await this.tailing());
        } catch (error) {
          if (!(error instanceof PipeEnded) && !(error instanceof SourceMoved)) throw error;
        }
      }
    },
    alone,
    async whileSwitching(work) {
      const over = Promise.withResolvers<void>();
      resume = over.promise;
      switching = true;
      try {
        await following;
        return await work();
      } finally {
        switching = false;
        over.resolve();
      }
    },
    copied: () => copied,
  };
}

function checkpointOf(control: Control) {
  if (control.mark === null) throw halt('Postgres has no checkpoint', 'run `attacca uninstall`, then `attacca sync` again');
  return control.mark;
}
