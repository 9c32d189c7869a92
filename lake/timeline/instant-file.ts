// Names of timeline files. An action passes through three files; only the completed one matters to readers.
// Layout 1 (table version 6) keeps them in `.hoodie/`, layout 2 (versions 8 and 9) in `.hoodie/timeline/`, with
// the completion time in the completed file's name:
//
//   requested   <instant>.<action>.requested
//   inflight    <instant>.<action>.inflight          (a commit's is just <instant>.inflight)
//   completed   <instant>.<action>                   layout 1
//               <instant>_<completion>.<action>      layout 2
//
// A compaction completes as a `commit`, a clustering (requested as `clustering` in layout 2) as a `replacecommit`.
import type { InstantTime } from './instant.ts'

export type TimelineLayout = 1 | 2

/** The actions we write or must understand; a timeline may hold others (`clean`, `rollback`, `savepoint` …). */
export type CommitAction = 'commit' | 'deltacommit' | 'replacecommit'

export type InstantState = 'requested' | 'inflight' | 'completed'

export interface InstantFile {
  instant: InstantTime
  /** As the file name has it: `compaction` while pending, `commit` when done. */
  action: string
  state: InstantState
  /** Null for pending ones and in layout 1. */
  completionTime: InstantTime | null
}

const completedName = /^(\d{17})(?:_(\d{17}))?\.([a-z]+)$/
const pendingName = /^(\d{17})(?:\.([a-z]+))?\.(requested|inflight)$/

/** Folder of the active timeline, relative to the table. */
export function timelineFolder(layout: TimelineLayout): string {
  return layout === 1 ? '.hoodie' : '.hoodie/timeline'
}

export function instantFileName(file: InstantFile): string {
  const { instant, action, state, completionTime } = file
  if (state === 'completed')
    return completionTime === null ? `${instant}.${action}` : `${instant}_${completionTime}.${action}`
  if (state === 'inflight' && action === 'commit') return `${instant}.inflight`
  return `${instant}.${action}.${state}`
}

/** Path of the completed file, relative to the table. */
export function completedPath(
  layout: TimelineLayout,
  action: CommitAction,
  instant: InstantTime,
  completionTime: InstantTime,
): string {
  const name = instantFileName({
    instant,
    action,
    state: 'completed',
    completionTime: layout === 1 ? null : completionTime,
  })
  return `${timelineFolder(layout)}/${name}`
}

/** What a file of the timeline folder stands for, or null when it is none (properties, other folders). */
export function parseInstantFileName(name: string): InstantFile | null {
  const pending = pendingName.exec(name)
  if (pending !== null) {
    const [, instant, action = 'commit', state] = pending as unknown as [string, string, string?, string?]
    return { instant, action, state: state as InstantState, completionTime: null }
  }
  const completed = completedName.exec(name)
  if (completed === null || completed[3] === 'inflight' || completed[3] === 'requested') return null
  return {
    instant: completed[1]!,
    action: completed[3]!,
    state: 'completed',
    completionTime: completed[2] ?? null,
  }
}
