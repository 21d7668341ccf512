/* What a program needs of the machine under it; one port_*.c implements it. */
#ifndef NC_PORT_H
#define NC_PORT_H

#include <stddef.h>

/* Opens the file that results go to; 0 where that fails. */
int nc_port_open(void);
/* Appends to it; 0 where that fails. */
int nc_port_write(const void *data, size_t bytes);
/* Closes it. Ports without a C library leave the program here. */
int nc_port_close(int exit_code);

#endif
