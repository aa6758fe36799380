/* SPDX-License-Identifier: MIT */
/* The node of a device, below root directories laid out as sysfs is. */
#include <errno.h>

#include "machine.h"
#include "sched/place/policy.h"

static const char *root;
static int node;

static void setup(void)
{
	root = root_make();
	node = 77;
}

static void teardown(void)
{
	root_remove(root);
}

static int look(const char *name)
{
	return wf_device_node(root, name, &node);
}

TestSuite(device, .init = setup, .fini = teardown);

Test(device, the_file_of_the_bus_above_an_interface)
{
	root_write(root, "/sys/devices/pci0/0000:01/net/eth0/address", "");
	root_write(root, "/sys/devices/pci0/0000:01/numa_node", "2\n");
	root_link(root, "/sys/class/net/eth0", "/sys/devices/pci0/0000:01/net/eth0");
	cr_assert_eq(look("eth0"), 0);
	cr_assert_eq(node, 2);
}

Test(device, a_partition_is_where_its_disk_is)
{
	root_write(root, "/sys/devices/pci0/0000:02/nvme/n1/p1/size", "");
	root_write(root, "/sys/devices/pci0/0000:02/numa_node", "1\n");
	root_link(root, "/sys/class/block/p1", "/sys/devices/pci0/0000:02/nvme/n1/p1");
	cr_assert_eq(look("p1"), 0);
	cr_assert_eq(node, 1);
}

/* The nearest that tells wins; -1 tells nothing. */
Test(device, minus_one_is_asked_further_up)
{
	root_write(root, "/sys/devices/pci0/virtio/net/eth0/address", "");
	root_write(root, "/sys/devices/pci0/virtio/numa_node", "-1\n");
	root_link(root, "/sys/class/net/eth0", "/sys/devices/pci0/virtio/net/eth0");
	cr_assert_eq(look("eth0"), 0);
	cr_assert_eq(node, -1);
	root_write(root, "/sys/devices/pci0/numa_node", "3\n");
	cr_assert_eq(look("eth0"), 0);
	cr_assert_eq(node, 3);
	root_write(root, "/sys/devices/pci0/virtio/numa_node", "0\n");
	cr_assert_eq(look("eth0"), 0);
	cr_assert_eq(node, 0);
}

Test(device, a_virtual_one_has_no_node)
{
	root_write(root, "/sys/devices/virtual/net/lo/address", "");
	root_link(root, "/sys/class/net/lo", "/sys/devices/virtual/net/lo");
	root_write(root, "/sys/devices/numa_node", "4\n"); /* of no device */
	cr_assert_eq(look("lo"), 0);
	cr_assert_eq(node, -1);
}

Test(device, nonsense_in_the_file_is_no_node)
{
	static const char *const text[] = {"", "\n", "x\n", "-7\n"};

	root_write(root, "/sys/devices/pci0/net/eth0/address", "");
	root_link(root, "/sys/class/net/eth0", "/sys/devices/pci0/net/eth0");
	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		root_write(root, "/sys/devices/pci0/numa_node", text[i]);
		cr_assert_eq(look("eth0"), 0);
		cr_assert_eq(node, -1, "%s", text[i]);
	}
}

Test(device, an_interface_goes_before_a_disk_of_that_name)
{
	root_write(root, "/sys/class/block/same/numa_node", "1\n");
	cr_assert_eq(look("same"), 0);
	cr_assert_eq(node, 1);
	root_write(root, "/sys/class/net/same/numa_node", "2\n");
	cr_assert_eq(look("same"), 0);
	cr_assert_eq(node, 2);
}

Test(device, no_such_device)
{
	static const char *const name[] = {"eth1",        "",         ".",      "..",
					   "../net/eth0", "net/eth0", ".hidden"};

	root_write(root, "/sys/class/net/eth0/numa_node", "2\n");
	root_write(root, "/sys/class/net/.hidden/numa_node", "2\n");
	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		cr_assert_eq(look(name[i]), -ENODEV, "%s", name[i]);
	cr_assert_eq(node, 77, "written though there is none");
}

Test(device, a_name_too_long_for_a_path)
{
	static char name[8192];

	memset(name, 'a', sizeof(name) - 1);
	cr_assert_eq(look(name), -ENODEV);
}

/* The loopback interface is there wherever there is a network at all. */
Test(device, of_this_machine)
{
	if (access("/sys/class/net/lo", F_OK))
		cr_skip_test("no loopback interface");
	cr_assert_eq(wf_device_node("", "lo", &node), 0);
	cr_assert_eq(node, -1);
}
