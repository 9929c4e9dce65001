/** Whether a write failed because another row has the same value in this unique column: `devices.name`. */
export function violatesUnique(error: unknown, column: string): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && cause.message.startsWith('UNIQUE constraint failed') && cause.message.includes(column);
}
