/* SPDX-License-Identifier: MIT */
/* The commands of `weft`. To add one: a file, a line here, a row in main.c, a part of weft.1. */
#ifndef WEFT_TOOL_COMMANDS_H
#define WEFT_TOOL_COMMANDS_H

/* argv[0] is the command's name. Returns the exit status. */
int weft_cmd_doctor(int argc, char **argv);
int weft_cmd_sim(int argc, char **argv);
int weft_cmd_topo(int argc, char **argv);

/* An exit status besides 0 and 1: the command line makes no sense. */
enum { USAGE = 2 };

#endif
