/* SPDX-License-Identifier: MIT */
/* weft: one program, a table of commands. */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <weft.h>

static const struct command {
	const char *name, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"doctor", "look at this machine: what weft can use of it, what to change",
	 weft_cmd_doctor},
	{"sim", "run a program in simulation under many seeds; replay those that fail",
	 weft_cmd_sim},
	{"topo", "draw this machine, and where a weft process runs on it", weft_cmd_topo},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(FILE *out)
{
	fputs("usage: weft COMMAND [OPTION...]\n\n", out);
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].what);
	fputs("\n`weft COMMAND --help` tells the options; `man weft` tells all.\n", out);
	return out == stdout ? 0 : USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
		return help(stdout);
	if (!strcmp(name, "--version"))
		return printf("weft %s\n", weft_version()) < 0;
	for (int i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (name[0])
		fprintf(stderr, "weft: there is no command '%s'\n\n", name);
	return help(stderr);
}
