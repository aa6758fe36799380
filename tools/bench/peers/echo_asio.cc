/* SPDX-License-Identifier: MIT */
/* Echo server, Boost.Asio: callbacks on an io_context that is told it has one thread. */
#include <boost/asio.hpp>
#include <cstdlib>
#include <memory>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class session : public std::enable_shared_from_this<session>
{
      public:
	explicit session(tcp::socket s) : socket_(std::move(s))
	{
	}

	void read()
	{
		socket_.async_read_some(
			asio::buffer(buf_),
			[self = shared_from_this()](error_code e, size_t n) {
				if (!e)
					self->write(n);
			});
	}

      private:
	void write(size_t n)
	{
		asio::async_write(socket_, asio::buffer(buf_, n),
				  [self = shared_from_this()](error_code e, size_t) {
					  if (!e)
						  self->read();
				  });
	}

	tcp::socket socket_;
	char buf_[1024];
};

static void accept_next(tcp::acceptor &a)
{
	a.async_accept([&a](error_code e, tcp::socket s) {
		if (!e) {
			s.set_option(tcp::no_delay(true));
			std::make_shared<session>(std::move(s))->read();
		}
		accept_next(a);
	});
}

int main(int argc, char **argv)
{
	auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 7777);
	asio::io_context io(1);
	tcp::acceptor a(io, tcp::endpoint(asio::ip::address_v4::loopback(), port));

	a.listen(4096);
	accept_next(a);
	io.run();
}
