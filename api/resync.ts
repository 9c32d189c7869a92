// What a person asks for when tables are to be read from the source anew, and how far that is.
import { z } from 'zod'

export const resyncSpec = z
  .strictObject({
    id: z
      .string()
      .min(1)
      .max(64)
      .describe('Any text, such as the date. Another one than the tables were last read anew for begins.'),
    tables: z
      .array(z.string().min(1).max(512))
      .min(1)
      .max(256)
      .optional()
      .describe('Which of the tables of the job, as names in the source or globs. Default: all.'),
  })
  .describe(
    'Reads tables from the source anew, into the tables of the target that are there. Readers of a table with a key see the rows there are until each is replaced; those that the source no longer has go in the end. A table without a key is emptied first.',
  )

export const resyncStatus = z
  .strictObject({
    id: z.string().describe('As in spec.resync.'),
    phase: z
      .enum(['Pending', 'Reading', 'Done'])
      .describe(
        'Pending: no worker has told of it yet. Reading: not all tables are read to the end. Done: they are.',
      ),
    tables: z.int().min(0).optional().describe('Tables that are read anew.'),
    tablesDone: z.int().min(0).optional().describe('Those of them that are done.'),
    startedAt: z.iso.datetime().optional().describe('When the operator first heard of it.'),
    finishedAt: z.iso.datetime().optional().describe('When it heard that all was done.'),
  })
  .describe('How far the last resync is.')
